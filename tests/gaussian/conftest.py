"""A tiny scene of splats, and tiny edits of it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest


def _shrink(config, data: Path, output: Path, steps: int):
    config.pipeline.datamanager.data = data
    config.pipeline.datamanager.num_downscales = 0
    config.output_dir, config.experiment_name, config.vis = output, "tiny", "tensorboard"
    config.max_num_iterations, config.machine.device_type = steps, "cpu"
    return config


@pytest.fixture
def tiny_splat(tiny_capture: Path, tmp_path: Path) -> Callable[..., object]:
    """Makes the configuration of a tiny reconstruction; `strategy` are fields of its strategy."""

    def make(steps: int = 30, output: Path | None = None, **strategy):
        from gaussian.methods.splat import splat

        config = _shrink(deepcopy(splat.config), tiny_capture, output or tmp_path / "bases", steps)
        config.pipeline.model.without_points, config.pipeline.model.num_random = "random", 400
        config.pipeline.model.strategy.refine_start = 5
        config.pipeline.model.strategy.refine_every = 5
        config.pipeline.model.strategy.prune_opacity = 0.01
        for name, value in strategy.items():
            setattr(config.pipeline.model.strategy, name, value)
        config.timestamp = "base"
        return config

    return make


@pytest.fixture(scope="session")
def splat_base(
    tiny_capture: Path, tmp_path_factory: pytest.TempPathFactory, finished: Callable[[object], Path]
) -> Path:
    """The run folder of a tiny reconstruction as splats: 60 steps."""
    from gaussian.methods.splat import splat

    config = _shrink(deepcopy(splat.config), tiny_capture, tmp_path_factory.mktemp("splats"), 60)
    config.pipeline.model.without_points = "random"
    config.pipeline.model.num_random, config.pipeline.model.random_radius = 1500, 0.5  # some lie on the ball alone
    config.timestamp = "base"
    return finished(config)


@pytest.fixture
def splat_edit(tiny_capture: Path, splat_base: Path, tmp_path: Path, change: Callable) -> Callable[..., object]:
    """Makes the configuration of a tiny igs2gs edit; `pipeline` are fields of its pipeline, the rest its own."""

    def make(pipeline: dict | None = None, steps: int = 8, **own):
        from gaussian.methods.igs2gs import igs2gs

        config = _shrink(deepcopy(igs2gs.config), tiny_capture, tmp_path / "runs", steps)
        config.timestamp, config.turntable_frames, config.load_dir = "run", 0, splat_base
        # thirty steps from random points are fog
        config.choose(instruction="make it look like winter", editor="procedural", edits="all", force=True)
        config.pipeline.edit_rate, config.mixed_precision = 4, False
        config.pipeline.model.strategy.refine_start = 2
        config.pipeline.model.strategy.refine_every = 2
        return change(config, pipeline, own)

    return make
