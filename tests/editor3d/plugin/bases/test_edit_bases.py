"""The base of an edit: found, kept, gone on with, refused; and how steps are counted from it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from editor3d import api
from editor3d.cli import main
from editor3d.errors import CheckpointError, ConfigError, Editor3DError
from editor3d.plugin.bases.base import base_config, ensure_base
from editor3d.run import checkpoints
from editor3d.run.folders import alone


@pytest.fixture
def old_base(tiny_base: Path, tmp_path: Path) -> Path:
    """The tiny base as if it had been trained for 30 000 steps."""
    run = Path(shutil.copytree(tiny_base, tmp_path / "old_base"))
    path = checkpoints.latest_checkpoint(run)
    state = checkpoints.load(path)
    path.unlink()
    checkpoints.save(path.with_name("step-000029999.ckpt"), {**state, "step": 29_999})
    return run


def test_steps_are_counted_from_the_start_of_the_edit(tiny_edit, old_base, monkeypatch, start):
    from editor3d.plugin.train.trainer import PluginTrainer

    steps, original = [], PluginTrainer.train_iteration

    def train_iteration(self, step):
        steps.append(step)
        if step == stop_before:
            self.stop_training = True
        return original(self, step)

    monkeypatch.setattr(PluginTrainer, "train_iteration", train_iteration)
    stop_before = None
    whole = start(tiny_edit(load_dir=old_base, steps=50, timestamp="whole"))
    assert whole.fit()
    assert steps == list(range(50))
    assert list(checkpoints.find_checkpoints(whole.checkpoint_dir)) == [49]

    steps.clear()
    stop_before = 19
    config = tiny_edit(load_dir=old_base, steps=50)
    assert not start(config).fit()
    assert steps == list(range(20))
    steps.clear()
    stop_before = None
    edit = api.resume(config.get_base_dir())
    assert steps == list(range(20, 50))
    assert edit.record.steps == 50
    steps.clear()
    api.resume(config.get_base_dir())
    assert steps == []


def test_a_result_is_loaded_by_nerfstudios_commands(tiny_edit, old_base, start):
    from nerfstudio.utils.eval_utils import eval_setup

    trainer = start(tiny_edit(load_dir=old_base, steps=3))
    assert trainer.fit()
    _, pipeline, path, step = eval_setup(trainer.base_dir / "config.yml")
    assert (path.parent, step) == (trainer.checkpoint_dir, 2)
    assert torch.equal(pipeline.model.field.grid.cpu(), trainer.pipeline.model.field.grid.cpu())
    assert pipeline.updater is None


@pytest.mark.usefixtures("small_voxels")
def test_a_base_is_kept_for_the_next_edit_of_the_same_data(tiny_edit, own_capture, start):
    def edit(name: str, **own):
        config = tiny_edit(data=own_capture, timestamp=name, load_dir=None, base_steps=6, steps=2, force=True, **own)
        trainer = start(config)
        assert trainer.fit()
        return trainer.base.checkpoint

    first = edit("first")
    written = first.stat().st_mtime_ns
    assert edit("second", instruction="make it look like night") == first
    assert first.stat().st_mtime_ns == written
    path = own_capture / "images/view_03.png"
    pixels = np.array(Image.open(path))
    pixels[4, 5] ^= 1
    Image.fromarray(pixels).save(path)
    changed = edit("third")
    assert changed != first
    assert first.stat().st_mtime_ns == written
    assert edit("fourth") == changed


@pytest.mark.usefixtures("small_voxels")
def test_a_base_that_another_process_makes_is_waited_for(tiny_edit):
    config = tiny_edit(load_dir=None)
    config.check()
    folder = base_config("voxel", config, 2).get_base_dir()
    other = threading.Thread(target=ensure_base, args=("voxel", config, 2), daemon=True)
    with alone(folder):
        other.start()
        other.join(0.5)
        assert other.is_alive()
        assert not folder.exists()
    other.join(60)
    assert not other.is_alive()
    assert checkpoints.latest_checkpoint(folder).name == "step-000000001.ckpt"


@pytest.mark.usefixtures("small_voxels")
def test_an_interrupted_base_goes_on(tiny_edit, monkeypatch):
    from editor3d.plugin.train.trainer import PluginTrainer
    from editor3d.run.stopping import RunInterrupted

    config = tiny_edit(load_dir=None)
    config.check()
    original, steps = PluginTrainer.train_iteration, []

    def train_iteration(self, step):
        steps.append(step)
        self.stop_training = self.stop_training or len(steps) == 4
        return original(self, step)

    monkeypatch.setattr(PluginTrainer, "train_iteration", train_iteration)
    with pytest.raises(RunInterrupted):
        ensure_base("voxel", config, 8)
    assert ensure_base("voxel", config, 8).checkpoint.name == "step-000000007.ckpt"
    assert steps == list(range(8))


def test_foreign_files_among_the_checkpoints_do_no_harm(tiny_edit, tiny_base, tmp_path, start):
    run = Path(shutil.copytree(tiny_base, tmp_path / "base"))
    (run / "nerfstudio_models" / "notes.txt").write_text("mine")
    (run / "nerfstudio_models" / "step-best.ckpt").write_text("mine")
    trainer = start(tiny_edit(load_dir=run, steps=1))
    assert trainer.base.checkpoint.name == "step-000000019.ckpt"


@pytest.fixture
def refused(start) -> Callable[[object, type[Editor3DError], str], None]:
    """Prepares a configuration and expects that to end in one sentence, with no folder of the run left."""

    def attempt(config, error: type[Editor3DError], match: str) -> None:
        with pytest.raises(error, match=match) as refusal:
            start(config)
        assert "\n" not in str(refusal.value)
        assert not config.get_base_dir().exists()

    return attempt


def test_a_damaged_checkpoint_is_named(tiny_edit, tiny_base, tmp_path, refused):
    run = Path(shutil.copytree(tiny_base, tmp_path / "base"))
    path = checkpoints.latest_checkpoint(run)
    path.write_bytes(path.read_bytes()[:2000])
    refused(tiny_edit(load_dir=run), CheckpointError, path.name)


def test_bases_of_another_kind_are_refused(tiny_edit, tiny_base, tmp_path, refused):
    splats = {"means": torch.zeros(5, 3), "opacities": torch.zeros(5, 1)}
    ngp = {"field.mlp_base.params": torch.zeros(7), "occupancy_grid.aabbs": torch.zeros(1, 6)}
    for name, model in (("splats", splats), ("ngp", ngp), ("nothing", {})):
        path = tmp_path / name / "nerfstudio_models" / "step-000029999.ckpt"
        pipeline = {f"_model.{key}": value for key, value in model.items()}
        checkpoints.save(path, {"step": 29_999, "pipeline": pipeline, "optimizers": {}})
        refused(tiny_edit(load_dir=path.parent), CheckpointError, "of the kind VoxelModel")


def test_a_base_of_other_cameras_is_refused(tiny_edit, own_capture, change_transforms, refused):
    def move(data: dict) -> None:
        for frame in data["frames"][:3]:
            frame["transform_matrix"][2][3] += 1.0

    change_transforms(own_capture, move)
    refused(tiny_edit(data=own_capture), CheckpointError, "other")


def test_a_base_made_from_pictures_of_another_size_is_refused(tiny_edit, tiny_capture, tiny_base, refused, capsys):
    config = tiny_edit()
    config.pipeline.datamanager.dataparser.downscale_factor = 2
    refused(config, ConfigError, "at 1/1 of their size.*got 1/2: set downscale-factor to 1")
    out = config.output_dir
    words = ["edit", str(tiny_capture), "--base", str(tiny_base), "--instruction", "make it night", "--steps", "1"]
    assert main([*words, "--editor", "procedural", "--output", str(out), "--downscale-factor", "2"]) == 2
    assert "set downscale-factor to 1" in capsys.readouterr().err
    assert not out.exists() or not any(out.iterdir())


@pytest.mark.usefixtures("small_voxels")
def test_the_size_of_the_bases_pictures_is_taken_over_where_none_is_asked_for(tiny_edit, tiny_capture):
    config = tiny_edit(load_dir=None)
    config.pipeline.datamanager.dataparser.downscale_factor = 2
    config.check()
    base = ensure_base("voxel", config, 2)
    words = ["edit", str(tiny_capture), "--base", str(base.run), "--instruction", "make it night", "--steps", "1"]
    assert main([*words, "--editor", "procedural", "--output", str(config.output_dir)]) == 0
    (after,) = config.output_dir.rglob("after/view_00.png")
    assert Image.open(after).size == (12, 10)


@pytest.mark.usefixtures("small_voxels")
def test_the_frame_of_the_base_is_taken_over(tiny_edit, tiny_capture, tmp_path, start):
    config = tiny_edit(load_dir=None)
    config.pipeline.datamanager.dataparser.orientation_method = "none"
    config.pipeline.datamanager.dataparser.scale_factor = 0.5
    config.check()
    base = ensure_base("voxel", config, 2)
    trainer = start(tiny_edit(load_dir=base.run, steps=1, force=True))
    parser = trainer.config.pipeline.datamanager.dataparser
    assert (parser.orientation_method, parser.scale_factor) == ("none", 0.5)
