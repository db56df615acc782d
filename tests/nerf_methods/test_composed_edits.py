"""Edits of a neural field that are kept to a region: outside, every pixel is the original's."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
import torch
import trimesh
from nerfstudio.utils.eval_utils import eval_setup

from editor3d.errors import CheckpointError, DataError, RegionError
from editor3d.plugin.confine.masks import pixels_that_meet
from editor3d.plugin.results.evaluate import evaluate
from editor3d.plugin.results.runs import open_run

BALL = "sphere:0,0,0,0.6"


@pytest.fixture(scope="session")
def foggy_base(small_nerfacto, finished, tmp_path_factory) -> Path:
    """The run folder of a tiny nerfacto that is a mist everywhere, so that every place is seen."""
    from nerf_methods.nerfacto import nerfacto

    config = small_nerfacto(deepcopy(nerfacto.config), 2)
    config.pipeline.model.average_init_density, config.pipeline.model.num_nerf_samples_per_ray = 1.0, 24
    config.output_dir, config.timestamp = tmp_path_factory.mktemp("mist"), "base"
    return finished(config)


@pytest.fixture
def composed(small_nerfacto, foggy_base, tmp_path, change) -> Callable[..., object]:
    """Makes the configuration of a tiny in2n edit of a tiny nerfacto."""
    from nerf_methods.in2n import in2n

    def make(output: str = "runs", steps: int = 6, region: str = BALL, **own):
        config = small_nerfacto(deepcopy(in2n.config), steps)
        config.output_dir, config.timestamp, config.load_dir = tmp_path / output, "run", foggy_base
        # fog, on purpose
        config.choose(instruction="make it black", editor="procedural", region=region, force=True)
        config.turntable_frames, config.pipeline.edit_rate, config.pipeline.lpips_weight = 0, 2, 0.0
        return change(config, None, own)

    return make


def renders(pipeline) -> list[torch.Tensor]:
    cameras = pipeline.datamanager.eval_dataset.cameras
    return [pipeline.render_view(cameras, index)["rgb"] for index in range(len(cameras))]


def test_before_it_is_edited_the_scene_is_the_original(composed, start, foggy_base):
    pipeline = start(composed()).pipeline
    for now, before in zip(renders(pipeline), renders(open_run(foggy_base)[1]), strict=True):
        assert torch.equal(now, before)


def test_pixels_whose_rays_miss_the_region_are_the_original_s(composed, start, foggy_base):
    trainer = start(composed(steps=30))
    pipeline, before = trainer.pipeline, renders(open_run(foggy_base)[1])
    original = {name: value.clone() for name, value in pipeline.model.original.state_dict().items()}
    assert trainer.fit()
    met = pixels_that_meet(pipeline.space, pipeline.datamanager.eval_dataset.cameras)
    inside, outside = [], []
    for now, was, mask in zip(renders(pipeline), before, met, strict=True):
        inside.append((now - was).abs()[mask])
        outside.append((now - was)[~mask])
    assert torch.cat(outside).numel() > 300
    assert not torch.cat(outside).any()
    assert torch.cat(inside).mean() > 0.002
    assert all(torch.equal(value, original[name]) for name, value in pipeline.model.original.state_dict().items())


def test_other_readers_of_the_run_see_the_same_scene(composed, start):
    trainer = start(composed())
    assert trainer.fit()
    expected = renders(trainer.pipeline)
    for pipeline in (open_run(trainer.base_dir)[1], eval_setup(trainer.base_dir / "config.yml")[1]):
        for now, before in zip(renders(pipeline), expected, strict=True):
            assert torch.equal(now, before)
    report = evaluate(trainer.base_dir)
    assert all(change.locality > 40 for change in report.change.views.values())


def test_what_becomes_of_a_region_s_mesh_changes_nothing(composed, start, tmp_path):
    mesh = tmp_path / "ball.ply"
    trimesh.creation.icosphere(2, 0.6).export(mesh)
    trainer = start(composed(region=f"mesh:{mesh}"))
    assert trainer.fit()
    expected = renders(trainer.pipeline)
    trimesh.creation.icosphere(2, 0.3).export(mesh)

    def same(run: Path) -> bool:
        return all(map(torch.equal, renders(open_run(run)[1]), expected))

    assert same(trainer.base_dir)
    mesh.unlink()
    assert same(trainer.base_dir)
    moved = trainer.base_dir.rename(tmp_path / "moved")
    assert same(moved)


def test_a_stopped_run_ends_as_one_that_was_not(composed, start, stop_before):
    whole = start(composed("whole"))
    assert whole.fit()
    stopped = start(composed())
    stop_before(stopped, 4)
    assert not stopped.fit()
    again = start(composed())
    assert again.fit()
    for name, value in whole.pipeline.model.state_dict().items():
        assert torch.equal(again.pipeline.model.state_dict()[name], value), name


def test_values_are_the_edited_field_s_inside_and_the_original_s_outside(composed, start):
    model = start(composed()).pipeline.model
    with torch.no_grad():
        for weight in model.field.parameters():
            weight.add_(0.1)
    points = torch.rand(400, 3, generator=torch.Generator().manual_seed(0)) - 0.5
    inside = model.composite.region.contains(points)
    assert 0 < int(inside.sum()) < 400
    now, before = model.field.density_fn(points), model.original["field"].density_fn(points)
    assert torch.equal(now[~inside], before[~inside])
    assert (now[inside] != before[inside]).any()
    assert torch.allclose(model.solid_field().density(points), now[..., 0])


def test_a_region_known_by_pictures_is_refused(composed):
    config = composed(region="object:ball", load_dir=None, base_method="nerfacto-editable")
    with pytest.raises(RegionError, match="region of shapes"):
        config.check()


def test_a_region_that_no_view_shows_is_refused(composed, start):
    with pytest.raises(DataError, match="none of"):
        start(composed(region="sphere:50,50,50,0.1"))


def test_an_edit_kept_to_a_region_is_no_base(composed, start, tmp_path):
    trainer = start(composed(steps=1))
    assert trainer.fit()
    trimesh.creation.icosphere(1, 0.6).export(tmp_path / "ball.ply")
    with pytest.raises(CheckpointError, match="one neural field"):
        start(composed("further", load_dir=trainer.base_dir, region=f"mesh:{tmp_path / 'ball.ply'}"))
    assert list((tmp_path / "further").iterdir()) == []  # no copy of the mesh either
