"""Every diffusers adapter: pictures keep their size and place, and depend on the seed alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from editor3d.editors import EDITORS, create_editor
from editor3d.editors.pipelines import diffusers_edit
from editor3d.editors.pipelines.diffusers_edit import fitted
from editor3d.types import EditorInfo, EditRequest, Reference

pytestmark = pytest.mark.usefixtures("one_thread")
MODELS = [n for n, e in EDITORS.items() if e.info.working_pixels is not None and not e.info.needs_garment]
WHOLE = [name for name in MODELS if not EDITORS[name].info.needs_mask]


@pytest.mark.parametrize("name", MODELS)
def test_edits_have_the_size_of_the_picture_and_depend_on_the_seed_alone(tiny, ask, name):
    editor = tiny(name)
    editor.validate(ask.instruction, [], [])
    state = torch.random.get_rng_state()
    edited = editor.edit(ask)
    assert edited.shape == ask.condition.shape
    assert edited.dtype == torch.float32
    assert edited.min() >= 0.0
    assert edited.max() <= 1.0
    assert (edited - ask.condition).abs().max() > 0.01
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(editor.edit(ask), edited)
    assert not torch.equal(editor.edit(replace(ask, seed=6)), edited)


class Call:
    """A pipeline that keeps what it is called with and gives the picture back."""

    def __init__(self, config: dict) -> None:
        self.config = config
        self.given: dict = {}

    def __call__(self, **given):
        from torchvision.transforms.functional import pil_to_tensor

        self.given = given
        first = given["image"][0] if isinstance(given["image"], list) else given["image"]
        self.images = pil_to_tensor(first).float()[None] / 255.0
        return self


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("size", [(300, 400), (1100, 1700), (500, 333)])
def test_pictures_come_back_without_shift(monkeypatch, name, size):
    """A smooth ramp through a model that changes nothing is the same ramp."""
    call = Call({"is_distilled": True})
    monkeypatch.setattr(diffusers_edit.DiffusersEditor, "_pipeline", call)
    y, x = torch.meshgrid(
        (torch.arange(size[0]) + 0.5) / size[0], (torch.arange(size[1]) + 0.5) / size[1], indexing="ij"
    )
    ramp = torch.stack([x, y, 0.5 * (x + y)], dim=-1)
    edited = create_editor(f"{name}:someone/model").edit(EditRequest("v", "make it red", condition=ramp))
    torch.testing.assert_close(edited, ramp, atol=4e-3, rtol=0)
    assert abs((edited - ramp).mean()) < 2e-4
    info = EDITORS[name].info
    height, width = call.given["height"], call.given["width"]
    assert call.given["image"].size == (width, height)
    assert height % info.multiple_of == width % info.multiple_of == 0
    assert 0.9 * info.working_pixels[0] <= height * width <= 1.1 * info.working_pixels[1]


@pytest.fixture
def shown(ask, picture) -> EditRequest:
    """A request with more references than any model takes, of which the second has a hole."""
    mask = torch.ones(40, 52, dtype=torch.bool)
    mask[:, :26] = False
    anchors = [Reference(picture(64, 48, seed), "anchor") for seed in (3, 4, 5)]
    warped = Reference(torch.ones(40, 52, 3), "warped", mask)
    return replace(ask, references=(anchors[0], warped, *anchors[1:]))


@pytest.mark.parametrize("name", WHOLE)
def test_references_follow_the_picture_and_are_explained(monkeypatch, shown, name):
    call = Call({"is_distilled": True})
    monkeypatch.setattr(diffusers_edit.DiffusersEditor, "_pipeline", call)
    editor = create_editor(f"{name}:someone/model")
    edited = editor.edit(shown)
    assert edited.shape == shown.condition.shape
    most = editor.info.references
    if not most:
        assert call.given["prompt"] == shown.instruction
        assert not isinstance(call.given["image"], list)
        return
    first, *others = call.given["image"]
    assert len(others) == most < len(shown.references)
    assert first.size == others[1].size == (call.given["width"], call.given["height"])
    assert others[0].size[0] < others[0].size[1]  # an upright anchor stays upright
    assert all(side % editor.info.multiple_of == 0 for image in others for side in image.size)
    warped = np.asarray(others[1]).astype(int)
    half = first.size[0] // 2
    assert abs(warped[:, : half - 32] - 128).max() <= 1
    assert warped[:, half + 32 :].min() >= 254
    prompt = call.given["prompt"]
    assert [f"Picture {number} " in prompt for number in range(2, 6)] == [n <= most + 1 for n in range(2, 6)]


@pytest.mark.parametrize("name", [name for name in WHOLE if EDITORS[name].info.references])
def test_models_attend_to_references(tiny, shown, picture, name):
    editor = tiny(name)
    edited = editor.edit(shown)
    assert edited.shape == shown.condition.shape
    assert torch.equal(editor.edit(shown), edited)
    other = replace(shown.references[0], picture=picture(64, 48, 9))
    assert not torch.equal(editor.edit(replace(shown, references=(other, *shown.references[1:]))), edited)
    unsent = replace(shown.references[3], picture=picture(64, 48, 9))
    assert torch.equal(editor.edit(replace(shown, references=(*shown.references[:3], unsent))), edited)


def test_pictures_of_the_working_size_are_not_touched(picture):
    image = picture(64, 48, 0)
    for info in (
        EditorInfo("a", "", "", multiple_of=16, working_pixels=(64 * 48, 64 * 48)),
        EditorInfo("a", "", "", multiple_of=16, max_side=64),
    ):
        given, back = fitted(image, info)
        assert torch.equal(given, image)
        assert torch.equal(back(given), image)


def test_the_distilled_model_gets_no_guidance_and_the_base_model_does(tiny, build_model, ask, tmp_path):
    seen = []
    build_model("flux2-klein", is_distilled=False).save_pretrained(tmp_path, safe_serialization=True)
    tiny("flux2-klein")
    base = create_editor(f"flux2-klein:{tmp_path}")
    forward = base._pipeline.transformer.forward
    base._pipeline.transformer.forward = lambda *a, **k: (seen.append(1), forward(*a, **k))[1]
    base.edit(ask)
    assert len(seen) == 2 * ask.diffusion_steps
    distilled = tiny("flux2-klein")
    seen.clear()
    inner = distilled._pipeline.transformer.forward
    distilled._pipeline.transformer.forward = lambda *a, **k: (seen.append(1), inner(*a, **k))[1]
    distilled.edit(ask)
    assert len(seen) == ask.diffusion_steps


def test_half_precision_is_the_models_own(tiny, ask):
    for name, kind in (("flux-kontext", torch.bfloat16), ("sd-inpaint", torch.float16)):
        editor = tiny(name, half_precision=True)
        edited = editor.edit(ask)
        assert editor._pipeline.vae.dtype == kind
        assert edited.dtype == torch.float32
        torch.testing.assert_close(edited, tiny(name).edit(ask), atol=0.15, rtol=0)


def test_sdxl_ip2p_equals_diffusers_own_pipeline_from_the_same_latents(tiny, ask, edit_and_latents, picture):
    """At noise level 1 the timesteps are diffusers' own; started from our noised render, so is the result."""
    editor = tiny("sdxl-ip2p")
    small = {"condition": picture(24, 32, 1), "render": picture(24, 32, 2), "mask": None}
    request = replace(ask, noise_level=1.0, diffusion_steps=5, **small)
    edited, latents = edit_and_latents(editor, request)
    expected = editor._pipeline(
        prompt=request.instruction,
        image=request.condition.permute(2, 0, 1)[None],
        height=24,
        width=32,
        num_inference_steps=5,
        guidance_scale=request.guidance_scale,
        image_guidance_scale=request.image_guidance_scale,
        latents=latents,
        output_type="pt",
    ).images[0]
    torch.testing.assert_close(edited, expected.permute(1, 2, 0), atol=2e-4, rtol=0)


def test_sdxl_keeps_its_vae_in_full_precision(tiny, ask):
    editor = tiny("sdxl-ip2p", half_precision=True)
    request = replace(ask, diffusion_steps=2)
    edited = editor.edit(request)
    assert editor._pipeline.vae.dtype == torch.float32
    assert editor._pipeline.unet.dtype == torch.float16
    torch.testing.assert_close(edited, tiny("sdxl-ip2p").edit(request), atol=0.03, rtol=0)
