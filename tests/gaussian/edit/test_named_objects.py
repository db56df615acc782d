"""A part of a reconstruction named by a few strokes: commands know it from then on."""

from __future__ import annotations

import json

import pytest
import torch

import editor3d
from editor3d.cli import main
from editor3d.datasets import load_posed_images
from editor3d.datasets.added_objects import OBJECTS_VARIABLE
from editor3d.datasets.views.images import read_object_masks


@pytest.fixture
def strokes(tmp_path, monkeypatch, tiny_capture):
    """A file of strokes on the ball of the tiny capture, and beside it."""
    monkeypatch.setenv(OBJECTS_VARIABLE, str(tmp_path / "objects"))
    posed = load_posed_images(tiny_capture)
    drawn = []
    for view in posed.train_views[:3]:
        ball = read_object_masks(view, posed.objects)["ball"]
        y, x = ball.nonzero().float().mean(0).tolist()
        drawn.append({"view": view.name, "pixels": [[x - 2, y + 0.5], [x + 2, y + 0.5]]})
        drawn.append({"view": view.name, "pixels": [[1, 1], [22, 1]], "inside": False})
        drawn.append({"view": view.name, "pixels": [[1, 18], [22, 18]], "inside": False})
    path = tmp_path / "thing.json"
    path.write_text(json.dumps({"strokes": drawn}))
    return path


def test_a_named_thing_is_known_to_regions_and_lists(strokes, splat_base, tiny_capture, capsys):
    assert main(["objects", str(splat_base), "add", "thing", "--strokes", str(strokes)]) == 0
    posed = load_posed_images(tiny_capture)
    assert set(posed.objects) == {"ball", "thing"}
    shown = [read_object_masks(view, posed.objects)["thing"] for view in posed.views]
    assert any(bool(mask.any()) for mask in shown)
    capsys.readouterr()
    assert main(["objects", str(tiny_capture)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ball  of the capture")
    assert lines[1].startswith("thing  added")
    assert main(["objects", str(tiny_capture), "remove", "thing"]) == 0
    assert set(load_posed_images(tiny_capture).objects) == {"ball"}


def test_strokes_choose_gaussians_and_leave_all_others_as_they_are(strokes, splat_base, tmp_path):
    change = editor3d.change_splats(splat_base, f"strokes:{strokes}", tmp_path / "red.ply", recolor="red")
    assert 0 < change.selected < change.total


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["add", "thing"], "--strokes"),
        (["add"], "name after add"),
        (["list", "thing"], "none after list"),
        (["remove", "thing"], "was added"),
        (["add", "ball", "--region", "box:0,0,0,1,1,1"], "another name"),
        (["add", "thing", "--strokes", "none.json"], "found none"),
    ],
)
def test_mistakes_are_said_in_one_sentence(strokes, splat_base, words, says, capsys):
    assert main(["objects", str(splat_base), *words]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error


def test_weights_of_masks_add_up_to_what_shares_are_made_of(splat_base, tiny_capture):
    from editor3d.plugin.results.runs import open_run

    _, pipeline = open_run(splat_base)
    cameras, model = pipeline.datamanager.train_dataset.cameras, pipeline.model
    mask = torch.zeros(20, 24, dtype=torch.bool)
    mask[8:14, 6:15] = True
    both = model.mask_weights(cameras, {1: torch.stack([mask, ~mask], -1)})
    share = both[:, 0] / both.sum(1).clamp_min(1e-12)
    assert torch.allclose(
        model.mask_shares(cameras, {1: mask}), torch.where(both.sum(1) > 0, share, both[:, 0]), atol=1e-5
    )
    shown = model.render(cameras[1:2], ("accumulation",))["accumulation"][..., 0]
    assert float(both[:, 0].sum()) == pytest.approx(float(shown[mask].sum()), rel=1e-3)
    everything = torch.ones(len(both), dtype=torch.bool)
    assert torch.allclose(model.part_share(cameras[1:2], everything)[..., 0], shown, atol=1e-5)
