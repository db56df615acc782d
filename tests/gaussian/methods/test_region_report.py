"""The report of an edit that was kept to a region: inside is what shows the region, all else is to stay."""

from __future__ import annotations

import json

import pytest
import torch

from editor3d.cli import main
from editor3d.datasets.views.images import read_image
from editor3d.editors.procedural.editor import ProceduralEditor
from editor3d.metrics.image import psnr
from editor3d.plugin.results import evaluate as evaluation
from editor3d.plugin.results.evaluate import SEEN_SHARE, evaluate
from editor3d.run.record import read_record
from editor3d.types import EditRequest

BALL = "sphere:0,0,0,0.6"
INSTRUCTION = "make it look like winter"


@pytest.fixture
def edited(splat_edit):
    """Makes an edit of the tiny scene; gives its trainer, and renders and shares of its held-out views before it."""

    def make(**own):
        config = splat_edit(**{"instruction": INSTRUCTION, **own})
        config.save_config()
        trainer = config.setup(local_rank=0, world_size=1)
        trainer.prepare()
        before = look(trainer.pipeline)
        assert trainer.fit()
        return trainer, before

    return make


def look(pipeline) -> list[tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]]:
    """Of each held-out view the picture [H, W, 3], how much of each pixel is free to change [H, W], and which pixels
    something free reaches [H, W]."""
    cameras, model = pipeline.datamanager.eval_dataset.cameras, pipeline.model
    pictures = [pipeline.render_view(cameras, index)["rgb"] for index in range(len(cameras))]
    model.eval()
    if "frozen" not in model.strategy_state:
        return [(picture, None, None) for picture in pictures]
    return [
        (picture, model.region_share(cameras[i : i + 1])[..., 0], model.region_touches(cameras[i : i + 1]))
        for i, picture in enumerate(pictures)
    ]


def winter(picture: torch.Tensor) -> torch.Tensor:
    return ProceduralEditor().edit(EditRequest("", INSTRUCTION, picture))


@pytest.mark.parametrize("region", [BALL, "object:ball"])
def test_scores_are_those_of_the_pixels_that_show_the_region(edited, region):
    trainer, before = edited(region=region)
    report = evaluate(trainer.base_dir)
    views = trainer.pipeline.datamanager.eval_dataset.metadata["views"]
    for view, (old, share, _), (new, new_share, _) in zip(views, before, look(trainer.pipeline), strict=True):
        photo, scores = read_image(view).float() / 255.0, report.known.views[view.name]
        change = report.change.views[view.name]
        inside = (share > SEEN_SHARE) | (new_share > SEEN_SHARE)
        assert 0 < int(inside.sum()) < inside.numel()
        truth = torch.lerp(photo, winter(photo), share[..., None])
        assert scores.ideal == pytest.approx(psnr(torch.lerp(old, winter(old), share[..., None]), truth, inside), 1e-5)
        assert scores.edited == pytest.approx(psnr(new, truth, inside), 1e-5)
        assert scores.unedited == pytest.approx(psnr(old, truth, inside), 1e-5)
        assert change.locality == pytest.approx(psnr(old, new, ~inside), 1e-5)
        assert change.locality > 40  # shares of half a level of 8 bits
        assert change.bit_equal == pytest.approx((old == new).all(-1)[~inside].double().mean().item())
        assert scores.edited != scores.unedited


def test_pixels_that_the_region_does_not_reach_are_bit_equal(edited):
    trainer, before = edited(region=BALL)
    model, cameras = trainer.pipeline.model, trainer.pipeline.datamanager.eval_dataset.cameras
    for i, ((old, _, reached), (new, _, reaches)) in enumerate(zip(before, look(trainer.pipeline), strict=True)):
        apart = ~(reached | reaches)
        assert bool(apart.any())
        assert torch.equal(old[apart], new[apart])
        shown = model.region_share(cameras[i : i + 1])[..., 0] > 0
        assert not bool((shown & ~reaches).any())


def test_an_object_of_the_instruction_is_judged_where_it_lies_in_the_region(edited):
    trainer, _ = edited(instruction="make the ball gold", region="box:0,0,0.4,0.6,0.6,0.4")
    whole, _ = edited(instruction="make the ball gold", timestamp="whole")
    inside, everywhere = evaluate(trainer.base_dir), evaluate(whole.base_dir)
    assert inside.region["type"] == "box"
    assert everywhere.region is None
    assert inside.known.mean.unedited != everywhere.known.mean.unedited
    assert inside.change.mean.locality > everywhere.change.mean.locality


def test_the_region_is_recorded_and_shown(edited, capsys):
    trainer, _ = edited(region=BALL)
    run = trainer.base_dir
    recorded = read_record(run / "edit.json").region
    assert recorded["type"] == "sphere"
    assert recorded["radius"] == 0.6
    capsys.readouterr()
    assert main(["eval", str(run)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert '"type": "sphere"' in shown
    assert "bit-equal" in shown
    written = json.loads((run / "eval.json").read_text())
    assert written["region"] == recorded
    assert 0 <= written["change"]["mean"]["bit_equal"] <= 1


def test_a_region_that_no_view_shows_is_judged_by_what_stayed(edited, monkeypatch):
    trainer, _ = edited(region=BALL)
    monkeypatch.setattr(evaluation, "SEEN_SHARE", 1.1)
    report = evaluate(trainer.base_dir)
    assert "shows what was edited" in str(report.known)
    assert report.change.mean.psnr is None
    assert report.change.mean.locality > 0
