"""Half of the test subject's views at a quarter of their size, a short reconstruction of it, and short try-ons."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest

from lab.subject import garment_path, subject_path

DOWNSCALE = 4


@pytest.fixture(scope="session")
def few_views(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every other view of the test subject. Not to be changed."""
    folder = Path(shutil.copytree(subject_path(), tmp_path_factory.mktemp("subject") / "capture"))
    about = json.loads((folder / "transforms.json").read_text())
    kept = {f"images/{split}_{index:02d}.jpg" for split in ("train", "test") for index in range(0, 36, 2)}
    about["frames"] = [frame for frame in about["frames"] if frame["file_path"] in kept]
    for key in ("train_filenames", "val_filenames", "test_filenames"):
        about[key] = [name for name in about[key] if name in kept]
    (folder / "transforms.json").write_text(json.dumps(about))
    return folder


def _shrink(config, output: Path, steps: int, data: Path):
    config.pipeline.datamanager.data = data
    config.pipeline.datamanager.dataparser.downscale_factor = DOWNSCALE
    config.pipeline.datamanager.num_downscales = 0
    config.output_dir, config.experiment_name, config.vis = output, "subject", "tensorboard"
    config.max_num_iterations, config.machine.device_type = steps, "cpu"
    return config


@pytest.fixture(scope="session")
def subject_base(few_views: Path, tmp_path_factory: pytest.TempPathFactory, finished: Callable[[object], Path]) -> Path:
    """The run folder of a reconstruction: 100 steps at 64 pixels."""
    from gaussian.methods.splat import splat

    config = _shrink(deepcopy(splat.config), tmp_path_factory.mktemp("base"), 100, few_views)
    config.pipeline.model.strategy.refine_start = 1000
    config.timestamp = "base"
    return finished(config)


@pytest.fixture
def try_on(few_views: Path, subject_base: Path, tmp_path: Path, change: Callable) -> Callable[..., object]:
    """Makes the configuration of a try-on; `pipeline` are fields of its pipeline, the rest its own."""

    def make(pipeline: dict | None = None, steps: int = 6, data: Path | None = None, **own):
        from gaussian.methods.vton.method import gaussian_vton

        config = _shrink(deepcopy(gaussian_vton.config), tmp_path / "runs", steps, data or few_views)
        config.timestamp, config.turntable_frames, config.load_dir = "run", 0, subject_base
        config.choose(garment=garment_path(), editor="try-on", force=True)  # a few steps
        config.pipeline.model.strategy.refine_start = 1000
        return change(config, pipeline, own)

    return make
