"""NeRF-Insert on a tiny scene of splats: something grows in empty space, all else keeps its bits, runs resume."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from editor3d.datasets.views.images import read_image
from editor3d.errors import ConfigError
from editor3d.outputs.pictures import to_uint8
from editor3d.plugin.confine.masks import filled
from editor3d.plugin.confine.regions import CaptureRegion
from editor3d.plugin.results.evaluate import evaluate
from editor3d.plugin.results.runs import open_run
from editor3d.run import checkpoints
from editor3d.run.record import read_record
from gaussian.fit.growth import inside_of
from gaussian.model.parameters import PARAMETERS

ABOVE = "box:0,0,0.85,0.3,0.3,0.3"
"""Empty space above the ball,"""
FREE = 0.5
"""from this height on."""


@pytest.fixture
def clear_base(splat_base, tmp_path) -> Path:
    """The tiny reconstruction without what so short a training has left hanging in the air."""
    run = Path(shutil.copytree(splat_base, tmp_path / "clear"))
    outputs = open_run(run)[1].datamanager.train_dataparser_outputs
    path = checkpoints.latest_checkpoint(run)
    state = checkpoints.load(path)
    means = state["pipeline"]["_model.gauss_params.means"]
    height = CaptureRegion.of(None, outputs).to_capture(means)[:, 2]
    state["pipeline"]["_model.gauss_params.opacities"][height > FREE] = -10.0
    torch.save(state, path)
    return run


@pytest.fixture
def insertion(tiny_edit, clear_base) -> Callable[..., object]:
    """Makes the configuration of a tiny insertion; `pipeline` are fields of its pipeline, the rest its own."""

    def make(pipeline: dict | None = None, steps: int = 10, **own):
        from nerf_methods.nerf_insert.method import nerf_insert

        fields = {"edit_rate": 5, "min_mask": 0.0, "seeds": 400, **(pipeline or {})}
        asked = {
            "instruction": "a red ball",
            "editor": "auto",
            "region": ABOVE,
            "load_dir": clear_base,
            "force": True,
            **own,
        }
        return tiny_edit(method=nerf_insert, pipeline=fields, steps=steps, **asked)

    return make


def parameters(model) -> dict[str, torch.Tensor]:
    return {name: model.gauss_params[name].detach().clone() for name in PARAMETERS}


def test_something_appears_inside_and_outside_every_number_stays(insertion, start):
    trainer = start(insertion(steps=60, pipeline={"edit_rate": 30}))
    model, space = trainer.pipeline.model, trainer.pipeline.space
    before, old = parameters(model), inside_of(space, model.means)
    renders = [trainer.pipeline.render_view(trainer.pipeline.datamanager.eval_dataset.cameras, i) for i in range(2)]
    assert trainer.fit()
    frozen, after = model.strategy_state["frozen"], parameters(model)
    assert torch.equal(frozen, ~inside_of(space, model.means))
    assert int(frozen.sum()) == int((~old).sum())
    for name in PARAMETERS:
        assert torch.equal(after[name][frozen], before[name][~old]), name
    for index, render in enumerate(renders):
        cameras = trainer.pipeline.datamanager.eval_dataset.cameras
        camera = cameras[index : index + 1]
        now = trainer.pipeline.render_view(cameras, index)
        touched = model.region_touches(camera)
        assert torch.equal(now["rgb"][~touched], render["rgb"][~touched])
        shown = model.region_share(camera)[..., 0] > 0.7
        assert int(shown.sum()) > 2
        assert (now["rgb"] - render["rgb"])[shown].abs().mean() > 0.05
    red, green, blue = after["features_dc"][~frozen & (after["opacities"][:, 0] > 0)].mean(0)  # all were grey
    assert red > max(green, blue)
    said = read_record(trainer.base_dir / "edit.json").region
    assert (said["parts"], said["of"]) == (int(old.sum()), len(old))
    assert 0 < said["seeds"] <= 400 * 1.3


def test_the_first_edits_and_the_pictures_before_are_of_the_base(insertion, start, clear_base):
    trainer = start(insertion(steps=1))
    pipeline, shown = trainer.pipeline, []
    base = open_run(clear_base)[1]
    updater = pipeline.updater
    updater.scene = replace(updater.scene, store=lambda *edited: shown.append(pipeline.model.num_points))
    assert trainer.fit()
    assert shown == [base.model.num_points] * len(pipeline.train_views)
    assert pipeline.model.num_points == base.model.num_points + len(pipeline._seeds)
    for view, index in ((view, i) for i, view in enumerate(pipeline.datamanager.eval_dataset.metadata["views"])):
        render = to_uint8(base.render_view(base.datamanager.eval_dataset.cameras, index)["rgb"])
        assert torch.equal(read_image(trainer.base_dir / "before" / f"{view.name}.png"), torch.from_numpy(render))


def test_views_that_do_not_show_the_region_are_not_trained_on(insertion, start):
    pipeline = start(insertion()).pipeline
    shares = sorted(float(mask.float().mean()) for mask in pipeline._masks)
    pipeline = start(insertion({"min_mask": shares[len(shares) // 2]}, timestamp="other")).pipeline
    shown = [index for index, mask in enumerate(pipeline._masks) if bool(mask.any())]
    assert 0 < len(shown) < len(pipeline._masks)
    sampler = pipeline.datamanager.train_pixel_sampler
    assert {sampler.view_at(step) for step in range(2 * len(shown))} == set(shown)


def test_a_stopped_run_ends_as_one_that_was_not(insertion, start, same_state, tmp_path):
    whole = start(insertion())
    assert whole.fit()
    config = insertion()
    config.output_dir = tmp_path / "again"
    stopped = start(config)
    train_iteration = stopped.train_iteration

    def train_then_stop(step: int):
        stopped.stop_training = stopped.stop_training or step == 6
        return train_iteration(step)

    stopped.train_iteration = train_then_stop
    assert not stopped.fit()
    again = start(config)
    assert again.fit()
    same_state(parameters(again.pipeline.model), parameters(whole.pipeline.model))
    same_state(again.pipeline.counters(), whole.pipeline.counters())
    assert torch.equal(open_run(again.base_dir)[1].model.means, whole.pipeline.model.means)


def test_the_report_judges_an_insertion_into_empty_space(insertion, start, own_capture):
    trainer = start(insertion(steps=4))
    assert trainer.fit()
    report = evaluate(trainer.base_dir, truth=own_capture / "images")
    assert all(change.locality > 35 for change in report.change.views.values())


def test_seeds_lie_in_the_region_where_some_view_can_see_them(insertion, start):
    pipeline = start(insertion(region="sphere:0,0,0,0.8")).pipeline
    points = filled(pipeline.space, 3000)
    assert 2000 < len(points) < 4500
    assert pipeline.space.contains(points).all()
    assert torch.equal(points, filled(pipeline.space, 3000))
    # even: of an eighth of the ball an eighth
    assert int((pipeline.space.frame.to_capture(points) > 0).all(1).sum()) == pytest.approx(len(points) / 8, rel=0.25)
    assert 0 < len(pipeline._seeds) < len(filled(pipeline.space, 400))


def test_no_seeds_are_refused(insertion):
    with pytest.raises(ConfigError, match="raise seeds"):
        insertion({"seeds": 0}).check()
