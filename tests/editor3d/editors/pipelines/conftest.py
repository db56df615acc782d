"""The libraries' own classes, built tiny and random, and the editors on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import torch

from editor3d.editors import EDITORS, create_editor
from editor3d.types import EditRequest

from .tiny_flux import flux2_klein, flux2_klein_inpaint, flux_inpaint, flux_kontext
from .tiny_qwen import qwen_image_edit, qwen_image_edit_plus
from .tiny_stable_diffusion import sd_inpaint, sdxl_inpaint, sdxl_ip2p

SMALL = 96 * 96

BUILDERS: dict[str, Callable] = {
    "flux2-klein": flux2_klein,
    "flux-kontext": flux_kontext,
    "qwen-image-edit": qwen_image_edit,
    "qwen-image-edit-plus": qwen_image_edit_plus,
    "sd-inpaint": sd_inpaint,
    "sdxl-inpaint": sdxl_inpaint,
    "flux-inpaint": flux_inpaint,
    "flux2-klein-inpaint": flux2_klein_inpaint,
    "sdxl-ip2p": sdxl_ip2p,
    "qwen-try-on": qwen_image_edit_plus,
    "flux2-klein-try-on": flux2_klein,
    "catvton-inpaint": sd_inpaint,
}


@pytest.fixture(scope="session")
def build_model(clip_tokenizer) -> Callable:
    """A function of an editor's name, and of what its builder takes: a diffusers pipeline of its architecture."""

    def build(name: str, **options):
        torch.manual_seed(0)
        return BUILDERS[name](clip_tokenizer, **options)

    return build


@pytest.fixture(scope="session")
def folder_of(build_model, tmp_path_factory) -> Callable[[str], Path]:
    """A function of an editor's name: a diffusers folder of its architecture."""
    root = tmp_path_factory.mktemp("tiny-models")

    def save(name: str) -> Path:
        folder = root / name
        if not folder.exists():
            build_model(name).save_pretrained(folder, safe_serialization=True)
        return folder

    return save


@pytest.fixture
def tiny(folder_of, monkeypatch) -> Callable[..., object]:
    """A function of an editor's name: the editor on its tiny model, at a tiny working size."""

    def make(name: str, **options):
        entry = EDITORS[name]
        if entry.info.working_pixels is not None:
            small = replace(entry, info=replace(entry.info, working_pixels=(SMALL, SMALL)))
            monkeypatch.setitem(EDITORS, name, small)
        return create_editor(f"{name}:{folder_of(name)}", **options)

    for module in ("edit", "edit_plus"):
        # These pipelines carry a working area of their own.
        own = import_module(f"diffusers.pipelines.qwenimage.pipeline_qwenimage_{module}")
        real = own.calculate_dimensions
        monkeypatch.setattr(own, "calculate_dimensions", lambda area, ratio, real=real: real(SMALL, ratio))
    return make


@pytest.fixture
def ask(picture) -> EditRequest:
    mask = torch.zeros(40, 52, dtype=torch.bool)
    mask[10:25, 20:30] = True
    return EditRequest(
        view="frame_00001",
        instruction="turn it into gold",
        condition=picture(40, 52, 1),
        render=picture(40, 52, 2),
        mask=mask,
        seed=5,
        guidance_scale=2.0,
        diffusion_steps=2,
    )


@pytest.fixture
def edit_and_latents(monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Makes an edit; gives its picture, and the noised latents [1, 4, h, w] that the UNet begins with."""

    def edit(editor, request: EditRequest) -> tuple[torch.Tensor, torch.Tensor]:
        inputs, unet = [], editor._pipeline.unet
        forward = unet.forward
        with monkeypatch.context() as patched:
            patched.setattr(unet, "forward", lambda x, *a, **k: (inputs.append(x), forward(x, *a, **k))[1])
            edited = editor.edit(request)
        return edited, inputs[0][:1, :4]

    return edit
