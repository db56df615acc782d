"""Instruct 3D-to-3D by a denoiser in closed form: it arrives where it should, and survives interruption."""

from __future__ import annotations

import json

import pytest
import torch

from editor3d.errors import CheckpointError, ConfigError, InstructionError
from editor3d.plugin.results.runs import open_run
from editor3d.run import checkpoints
from nerf_methods.instruct_3d_to_3d import instruct_3d_to_3d
from nerf_methods.voxel.files import load_field

GOLD = torch.tensor([0.9, 0.7, 0.2])


def mean_color(pipeline) -> torch.Tensor:
    return pipeline.render_view(pipeline.datamanager.eval_dataset.cameras, 0)["rgb"].mean((0, 1))


def test_the_scene_goes_where_the_model_points(gold_prior, distilled, start):
    config = distilled(instruct_3d_to_3d, {"guidance_scale": 1.0, "image_guidance_scale": 1.0}, steps=42)
    config.optimizers["fields"]["optimizer"].lr = 0.2
    trainer = start(config)
    before = mean_color(trainer.pipeline)
    assert trainer.fit()
    after = mean_color(trainer.pipeline)
    assert float((after - GOLD).norm()) < 0.3 * float((before - GOLD).norm())
    assert set(gold_prior.prompts) == {"turn it gold"}


@pytest.mark.parametrize(("guidance", "keeps"), [("ip2p-sds", False), ("tiny-ip2p", True)])
def test_a_model_that_knows_colours_alone_leaves_the_shape(gold_prior, distilled, start, guidance, keeps):
    trainer = start(distilled(instruct_3d_to_3d, editor=guidance))
    source, field = trainer.pipeline.session.source, trainer.pipeline.model.field
    assert trainer.fit()
    assert torch.equal(field.grid[..., 0], source.grid[..., 0]) == keeps
    assert not torch.equal(field.grid[..., 1:], source.grid[..., 1:])


def test_the_result_is_a_field_that_others_open(gold_prior, distilled, start):
    trainer = start(distilled(instruct_3d_to_3d))
    assert trainer.fit()
    run = trainer.base_dir
    _, pipeline = open_run(run)
    cameras = pipeline.datamanager.eval_dataset.cameras
    rendered = pipeline.render_view(cameras, 0)["rgb"]
    with torch.no_grad():
        assert torch.equal(rendered, trainer.pipeline.render_view(cameras, 0)["rgb"])
        pipeline.model.field = load_field(run / "field.safetensors")
        pipeline.model.field.occupancy.copy_(trainer.pipeline.model.field.occupancy)
        assert torch.equal(pipeline.render_view(cameras, 0)["rgb"], rendered)
    for name in ("before_after.png", "before", "after", "edit.json"):
        assert (run / name).exists()
    record = json.loads((run / "edit.json").read_text())
    assert record["instruction"] == "turn it gold"
    assert record["method"] == "instruct-3d-to-3d"
    assert record["counts"]["steps"] == 7
    assert record["schedule"]["scaling"] == [0, 1, 2, 3, 2, 1, 0]


def test_every_stage_has_its_number_of_voxels(gold_prior, distilled, start):
    trainer = start(distilled(instruct_3d_to_3d))
    train, seen = trainer.train_iteration, []

    def look(step):
        seen.append(trainer.pipeline.model.field.resolution)
        return train(step)

    trainer.train_iteration = look
    assert trainer.fit()
    assert seen == [16, 12, 10, 8, 10, 12, 16]  # floor((16^3 / 2^l)^(1/3))


@pytest.mark.parametrize("step", [1, 2, 3, 4, 6])
def test_a_run_stopped_in_any_stage_ends_as_one_that_was_not(
    gold_prior, distilled, start, stop_before, same_state, step
):
    whole = start(distilled(instruct_3d_to_3d, timestamp="whole"))
    assert whole.fit()
    stopped = start(distilled(instruct_3d_to_3d))
    stop_before(stopped, step)
    assert not stopped.fit()
    resumed = start(distilled(instruct_3d_to_3d))
    assert resumed._start_step == step
    assert resumed.fit()
    states = [checkpoints.load(checkpoints.latest_checkpoint(t.base_dir)) for t in (whole, resumed)]
    same_state(*states)


def test_the_source_of_a_resumed_run_is_still_the_base(gold_prior, distilled, start, stop_before):
    stopped = start(distilled(instruct_3d_to_3d))
    stop_before(stopped, 5)
    stopped.fit()
    resumed = start(distilled(instruct_3d_to_3d))
    _, base = open_run(resumed.config.load_checkpoint)
    assert torch.equal(resumed.pipeline.session.source.grid, base.model.field.grid)
    assert not torch.equal(resumed.pipeline.model.field.grid, base.model.field.grid)


@pytest.mark.parametrize(
    ("pipeline", "own", "error", "says"),
    [
        ({}, {"instruction": " "}, InstructionError, "instruction"),
        ({"scaling": (1, 2)}, {}, ConfigError, "scaling"),
        ({}, {"editor": "sds"}, ConfigError, "ip2p-sds"),
        ({}, {"editor": "nothing"}, ConfigError, "nothing"),
        ({}, {"condition_on": "base"}, ConfigError, "condition-on"),
        ({"image_guidance_scale": -1.0}, {}, ConfigError, "image-guidance-scale"),
        ({"t_min": 0.9, "t_max": 0.2}, {}, ConfigError, "noise levels"),
    ],
)
def test_what_cannot_work_is_one_sentence(gold_prior, distilled, pipeline, own, error, says):
    config = distilled(instruct_3d_to_3d, pipeline, **own)
    with pytest.raises(error, match=says):
        config.check()
    assert not config.get_base_dir().exists()


def test_a_base_that_is_no_voxel_field_is_refused(gold_prior, distilled, start, tiny_base, tmp_path):
    import shutil

    from editor3d.plugin.bases.base import read_config
    from nerf_methods.nerfacto import EditNerfactoModelConfig

    other = tmp_path / "other"
    shutil.copytree(tiny_base, other)
    config = read_config(other / "config.yml")
    config.pipeline.model = EditNerfactoModelConfig()
    import yaml

    (other / "config.yml").write_text(yaml.dump(config))
    with pytest.raises(CheckpointError, match="voxel field"):
        start(distilled(instruct_3d_to_3d, load_dir=other))
