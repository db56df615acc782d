"""The test subject at a quarter of its size, a short reconstruction of it, and short try-ons."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest

from editor3d.datasets.subject import garment_path, subject_path

DOWNSCALE = 4


def _shrink(config, output: Path, steps: int, data: Path | None = None):
    config.pipeline.datamanager.data = data or subject_path()
    config.pipeline.datamanager.dataparser.downscale_factor = DOWNSCALE
    config.pipeline.datamanager.num_downscales = 0
    config.output_dir, config.experiment_name, config.vis = output, "subject", "tensorboard"
    config.max_num_iterations, config.machine.device_type = steps, "cpu"
    return config


@pytest.fixture(scope="session")
def subject_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a reconstruction: 120 steps at 64 pixels."""
    from gaussian.method import splat

    config = _shrink(deepcopy(splat.config), tmp_path_factory.mktemp("subject"), 120)
    config.pipeline.model.strategy.refine_start = 1000
    config.timestamp = "base"
    config.save_config()
    trainer = config.setup(local_rank=0, world_size=1)
    trainer.prepare()
    assert trainer.fit()
    return trainer.base_dir


@pytest.fixture
def try_on(subject_base: Path, tmp_path: Path) -> Callable[..., object]:
    """Makes the configuration of a try-on; `pipeline` are fields of its pipeline, the rest its own."""

    def make(pipeline: dict | None = None, steps: int = 6, data: Path | None = None, **own):
        from gaussian.vton.method import gaussian_vton

        config = _shrink(deepcopy(gaussian_vton.config), tmp_path / "runs", steps, data)
        config.timestamp, config.turntable_frames, config.load_dir = "run", 0, subject_base
        config.garment, config.editor = garment_path(), "try-on"
        config.pipeline.model.strategy.refine_start = 1000
        for name, value in (pipeline or {}).items():
            setattr(config.pipeline, name, value)
        for name, value in own.items():
            setattr(config, name, value)
        return config

    return make


@pytest.fixture
def start() -> Callable[[object], object]:
    """Checks a configuration and prepares its trainer."""

    def begin(config):
        config.check()
        config.save_config()
        trainer = config.setup(local_rank=0, world_size=1)
        trainer.prepare()
        return trainer

    return begin
