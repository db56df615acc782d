"""Whole runs on CUDA, on the demo scene: bases, edits, mixed precision, save and resume."""

from __future__ import annotations

import math
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig
from PIL import Image

from editor3d.datasets.demo import demo_path
from editor3d.plugin.train.config import PluginTrainerConfig
from editor3d.plugin.train.trainer import PluginTrainer
from editor3d.plugin.views.rays import LensTable, camera_rays
from editor3d.run import checkpoints
from editor3d.run.record import read_record
from nerf_methods.in2n import in2n
from nerf_methods.nerfacto import nerfacto
from nerf_methods.voxel.method import voxel

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
DEVICE = "cuda"
VIEWS = 40


def configured(config: PluginTrainerConfig, folder: Path, steps: int) -> PluginTrainerConfig:
    """A copy of a method's configuration that trains on the demo scene, its run in `folder`."""
    config = deepcopy(config)
    config.pipeline.datamanager.data = demo_path()
    config.machine.device_type = DEVICE
    config.output_dir, config.timestamp, config.vis = folder, "run", "tensorboard"
    config.max_num_iterations = steps
    return config


def start(config: PluginTrainerConfig) -> tuple[PluginTrainer, dict[int, float]]:
    """A prepared trainer, and the photometric loss of each of its steps as they are done."""
    config.save_config()
    trainer = config.setup(local_rank=0, world_size=1)
    trainer.prepare()
    losses: dict[int, float] = {}
    train_iteration = trainer.train_iteration

    def keep(step: int):
        result = train_iteration(step)
        losses[step] = float(result[1]["rgb_loss"])
        return result

    trainer.train_iteration = keep
    return trainer, losses


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def assert_on_device(trainer: PluginTrainer) -> None:
    kinds = {parameter.device.type for parameter in trainer.pipeline.model.parameters()}
    assert kinds == {torch.device(DEVICE).type}


@pytest.mark.parametrize("method", [nerfacto, voxel], ids=["nerfacto", "voxel"])
def test_a_base_learns(method, tmp_path):
    trainer, losses = start(configured(method.config, tmp_path, 50))
    assert trainer.fit()
    assert_on_device(trainer)
    assert len(losses) == 50
    assert all(math.isfinite(loss) for loss in losses.values())
    assert mean([losses[step] for step in range(40, 50)]) < 0.9 * mean([losses[step] for step in range(3)])


def assert_edited(config: PluginTrainerConfig, trainer: PluginTrainer, steps: int) -> None:
    run = config.get_base_dir()
    record = read_record(run / "edit.json")
    assert record.steps == steps
    assert record.editor == "procedural"
    assert len(record.edited_views) == len(record.edits) == VIEWS
    assert record.metrics["edited_to_base_psnr"] < 40  # the scene has changed
    assert len(list((run / "edited").glob("**/*.png"))) == VIEWS
    with Image.open(run / "before_after.png") as picture:
        assert picture.format == "PNG"
    assert (run / "turntable.mp4").stat().st_size > 0
    assert_on_device(trainer)


def test_an_edit_runs_end_to_end(tmp_path):
    config = configured(in2n.config, tmp_path, 60)
    config.choose(instruction="make it look like winter", editor="procedural", base_steps=60)
    config.turntable_frames = 4
    trainer, losses = start(config)
    assert config.base_method == "nerfacto-editable"
    assert trainer.mixed_precision
    assert trainer.fit()
    assert_edited(config, trainer, 60)
    assert mean([losses[step] for step in range(50, 60)]) < mean([losses[step] for step in range(3)])


def test_a_base_made_on_the_cpu_is_edited(tmp_path):
    base = configured(voxel.config, tmp_path, 30)
    base.machine.device_type = "cpu"
    trainer, _ = start(base)
    assert trainer.fit()
    config = configured(in2n.config, tmp_path, 20)
    config.choose(instruction="make it look like winter", editor="procedural")
    config.turntable_frames = 2
    config.load_dir = base.get_base_dir()
    trainer, losses = start(config)
    stored = checkpoints.load(checkpoints.latest_checkpoint(base.get_base_dir()))["pipeline"]["_model.field.grid"]
    assert torch.equal(trainer.pipeline.model.field.grid.detach().cpu(), stored)
    assert trainer.fit()
    assert_edited(config, trainer, 20)
    assert losses[19] < losses[0]


def test_a_resumed_run_goes_on_as_the_uninterrupted_one(tmp_path):
    config = configured(nerfacto.config, tmp_path, 34)
    config.steps_per_save, config.save_only_latest_checkpoint = 30, False
    uninterrupted, losses = start(config)
    assert uninterrupted.fit()

    folder = config.get_checkpoint_dir()
    checkpoints.latest_checkpoint(folder, 33).unlink()
    state = checkpoints.load(checkpoints.latest_checkpoint(folder))
    assert state["step"] == 30
    torch.rand(1000, device=DEVICE)  # what other work may have drawn in between
    resumed, resumed_losses = start(configured(config, tmp_path, 34))
    assert resumed.mixed_precision
    assert resumed.grad_scaler.state_dict() == state["scalers"]
    assert state["scalers"]["scale"] > 1.0
    assert resumed.pipeline.counters() == state["counters"]
    assert torch.equal(torch.cuda.get_rng_state(), state["random"]["cuda"][0])
    for name, value in resumed.pipeline.model.state_dict().items():
        assert torch.equal(value.cpu(), state["pipeline"][f"_model.{name}"]), name
    for group, optimizer in resumed.optimizers.optimizers.items():
        for index, moments in optimizer.state_dict()["state"].items():
            stored = state["optimizers"][group]["state"][index]
            assert all(torch.equal(moments[key].cpu(), stored[key]) for key in stored), group

    assert resumed.fit()
    assert sorted(resumed_losses) == [31, 32, 33]
    # sums by atomics come in any order, so only the first step starts from the very same numbers
    assert resumed_losses[31] == pytest.approx(losses[31], rel=1e-3)


def test_a_training_view_is_rendered_at_its_corrected_pose(tmp_path):
    config = configured(in2n.config, tmp_path, 1).pipeline
    config.model.camera_optimizer = CameraOptimizerConfig(mode="SO3xR3")
    config.datamanager.dataparser.data = demo_path()
    pipeline = config.setup(device=DEVICE, test_mode="val", world_size=1, local_rank=0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        adjustment = pipeline.model.camera_optimizer.pose_adjustment
        adjustment.copy_(0.05 * torch.randn(adjustment.shape, generator=generator))
    cameras, index = pipeline.datamanager.train_dataset.cameras, 7

    corrected = camera_rays(pipeline.model.training_camera(cameras, index), 0, LensTable(), DEVICE)
    trained = camera_rays(cameras, index, LensTable(), DEVICE)
    trained.camera_indices.fill_(index)
    pipeline.model.camera_optimizer.apply_to_raybundle(trained)  # what training does to the view's rays
    torch.testing.assert_close(corrected.origins, trained.origins, atol=1e-5, rtol=0)
    torch.testing.assert_close(corrected.directions, trained.directions, atol=1e-5, rtol=0)

    with torch.no_grad():
        render = pipeline._render_train_view(index)
        expected = pipeline.render_view(pipeline.model.training_camera(cameras, index), 0)["rgb"].cpu()
        plain = pipeline.render_view(cameras, index)["rgb"].cpu()
    view = pipeline.train_views[index]
    assert render.shape == (view.height, view.width, 3)
    assert render.device.type == "cpu"
    assert torch.isfinite(render).all()
    torch.testing.assert_close(render, expected, atol=1e-5, rtol=0)
    assert not torch.allclose(render, plain, atol=1e-5)
