"""Editors that paint inside a mask."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt
from torchvision.transforms.functional import pil_to_tensor

from editor3d.datasets.views.images import read_image
from editor3d.editors import EDITORS, create_editor
from editor3d.editors.masking import names_in
from editor3d.editors.pipelines.diffusers_edit import DiffusersEditor
from editor3d.errors import InstructionError
from editor3d.types import EditRequest

pytestmark = pytest.mark.usefixtures("one_thread")
INPAINTING = [name for name, entry in EDITORS.items() if entry.info.needs_mask]


@pytest.mark.parametrize("name", INPAINTING)
def test_inpainting_leaves_the_rest_bit_equal(tiny, ask, name):
    edited = tiny(name).edit(ask)
    assert torch.equal(edited[~ask.mask], ask.condition[~ask.mask])
    assert (edited[ask.mask] - ask.condition[ask.mask]).abs().mean() > 0.01


@pytest.mark.parametrize("name", ["sd-inpaint", "flux2-klein-inpaint"])
def test_inpainting_starts_from_the_render_inside_the_mask(tiny, ask, name, picture):
    """What the render shows outside the mask changes nothing; at a low noise level what it shows inside does."""
    editor = tiny(name)
    low = replace(ask, noise_level=0.5)
    outside = torch.where(ask.mask[..., None], ask.render, picture(40, 52, 9))
    inside = torch.where(ask.mask[..., None], picture(40, 52, 9), ask.render)
    assert torch.equal(editor.edit(replace(low, render=outside)), editor.edit(low))
    assert not torch.equal(editor.edit(replace(low, render=inside)), editor.edit(low))


@pytest.mark.parametrize("name", INPAINTING)
def test_the_model_sees_the_mask_and_its_surroundings_at_its_own_size(monkeypatch, picture, name):
    """A model that changes nothing gives the start back, scaled up and down again; everything else keeps its bits."""
    given = {}

    def model(**asked):
        given.update(asked)
        return SimpleNamespace(images=pil_to_tensor(asked["image"]).float()[None] / 255.0)

    model.config = {"is_distilled": True}
    monkeypatch.setattr(DiffusersEditor, "_pipeline", staticmethod(model))
    mask = torch.zeros(300, 400, dtype=torch.bool)
    mask[100:140, 200:260] = True
    request = EditRequest("v", "a red ball", picture(300, 400, 1), render=picture(300, 400, 2) * 0.2, mask=mask)
    edited = create_editor(f"{name}:someone/model").edit(request)
    info = EDITORS[name].info
    width, height = given["image"].size
    assert 0.9 * info.working_pixels[0] <= width * height <= 1.1 * info.working_pixels[1]
    border = max(30, 2 * info.multiple_of)  # half of the mask's longer side
    assert width / height == pytest.approx((60 + 2 * border) / (40 + 2 * border), rel=0.05)
    white = np.asarray(given["mask_image"]) > 127
    assert white.mean() == pytest.approx(40 * 60 / ((40 + 2 * border) * (60 + 2 * border)), rel=0.1)
    assert np.asarray(given["image"])[white].mean() < 60 < np.asarray(given["image"])[~white].mean()
    assert torch.equal(edited[~mask], request.condition[~mask])
    assert (edited - request.render)[mask].abs().mean() < 0.1


def test_what_is_painted_into_a_scene_fades_into_the_picture_within_the_mask(tiny, folder_of, tiny_edit, start):
    from nerf_methods.nerf_insert.method import nerf_insert
    from nerf_methods.nerf_insert.pipeline import FEATHER

    tiny("sd-inpaint")
    fields = {"edit_rate": 9, "min_mask": 0.0, "diffusion_steps": 2}
    asked = {"region": "box:0,0,0,1.1,1.1,1.1", "editor": f"sd-inpaint:{folder_of('sd-inpaint')}"}
    trainer = start(tiny_edit(method=nerf_insert, pipeline=fields, steps=1, instruction="a red ball", **asked))
    assert trainer.fit()
    pipeline = trainer.pipeline
    pictures, faded = pipeline.datamanager.train_pictures, 0
    for index, view in enumerate(pipeline.train_views):
        mask = pipeline._masks[index]
        if not mask.any():
            continue
        now, before = pictures[index].float(), pictures.within(pipeline._originals, index).float()
        painted = read_image(trainer.base_dir / "edited" / f"{view.name}.png").float()
        assert torch.equal(now[~mask], before[~mask])
        depth = torch.from_numpy(distance_transform_edt(mask.numpy()))
        assert torch.equal(now[depth >= FEATHER], painted[depth >= FEATHER])
        rim = (depth > 0) & (depth < FEATHER)
        assert (now >= torch.minimum(before, painted) - 0.5)[rim].all()
        assert (now <= torch.maximum(before, painted) + 0.5)[rim].all()
        faded += int(((now - before).abs() < (painted - before).abs())[rim].sum())
    assert faded > 50


def test_inpainting_takes_its_mask_from_a_named_object(tiny, ask):
    editor = tiny("sd-inpaint")
    named = replace(
        ask, instruction="turn the mug red", mask=None, objects={"cup": ask.mask, "table": torch.ones(40, 52) > 0}
    )
    assert torch.equal(editor.edit(named), editor.edit(replace(named, mask=ask.mask)))
    with pytest.raises(InstructionError, match="cup, table"):
        editor.edit(replace(named, instruction="turn it red"))
    with pytest.raises(InstructionError, match="works inside a mask"):
        editor.edit(replace(ask, mask=None))
    with pytest.raises(InstructionError, match="Expected the name of an object"):
        editor.validate("turn it red", ["cup"], [])
    editor.validate("turn the mug red", ["cup"], [])


def test_nothing_is_loaded_where_the_mask_is_empty(ask):
    editor = create_editor("sd-inpaint:someone/not-here")
    unchanged = editor.edit(replace(ask, mask=torch.zeros_like(ask.mask)))
    assert torch.equal(unchanged, ask.condition)


def test_all_named_objects_are_edited():
    objects = ["ball.001", "ball.002", "teapot"]
    assert set(names_in("make all balls and the teapot green", objects)) == set(objects)
    assert names_in("paint the teapot", objects) == ("teapot",)
    with pytest.raises(InstructionError, match="may mean"):
        names_in("make the ball green", objects)
