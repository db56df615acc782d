"""A run that was killed or stopped, gone on with, equals the uninterrupted one bit for bit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

KILL = "lambda original, *a, **k: os.kill(os.getpid(), 9)"


CYCLIC = {"editor": "procedural-noisy", "pipeline": {"edit_rate": 1, "edit_count": 2}, "steps": 9, "steps_per_save": 3}
AT_ONCE = {"editor": "procedural", "pipeline": {"edit_rate": 2}, "steps": 5, "steps_per_save": 2}


@pytest.fixture(scope="module")
def runs_so_far() -> dict[str, Path]:
    return {}


@pytest.fixture
def uninterrupted(tiny_edit, lab, saved, runs_so_far) -> Callable[[dict], Path]:
    """The folder of an edit that was not interrupted; each is run once."""

    def finish(settings: dict) -> Path:
        key = repr(settings)
        if key not in runs_so_far:
            config = tiny_edit(**settings, timestamp="whole")
            result = lab.run("run(load(path))", path=saved(config))
            assert result.code == 0, result.stderr
            runs_so_far[key] = config.get_base_dir()
        return runs_so_far[key]

    return finish


DEATHS = {
    "at the first step": (CYCLIC, f"at(PluginTrainer, 'train_iteration', 1, {KILL})"),
    "at a step": (CYCLIC, f"at(PluginTrainer, 'train_iteration', 6, {KILL})"),
    "between two edits": (CYCLIC, f"at(DatasetUpdater, '_apply', 12, {KILL})"),
    "between two of all edits": (AT_ONCE, f"at(DatasetUpdater, '_apply', 4, {KILL})"),
    "in the middle of a picture": (
        CYCLIC,
        "at(Image.Image, 'save', is_edited, half_picture)",
    ),
    "in the middle of its configuration": (CYCLIC, "at(Path, 'write_bytes', is_second_configuration, half_file)"),
    "in the middle of a checkpoint": (CYCLIC, "at(torch, 'save', 2, half_checkpoint)"),
    "in the middle of the last checkpoint": (CYCLIC, "at(torch, 'save', 3, half_checkpoint)"),
    "before the older checkpoint is removed": (CYCLIC, f"at(Path, 'unlink', is_checkpoint, {KILL})"),
    "before older pictures are removed": (CYCLIC, f"at(PictureStore, 'prune', 2, {KILL})"),
    "while the results are written": (CYCLIC, f"at(EditResults, 'save_after', 1, {KILL})"),
}

HOOKS = """
from pathlib import Path
import torch
from PIL import Image
from editor3d.run.results import EditResults
from editor3d.plugin.train.trainer import PluginTrainer
from editor3d.update.engine import DatasetUpdater
from editor3d.update.state import PictureStore

def half_checkpoint(original, state, path):
    original(state, path)
    os.truncate(path, path.stat().st_size // 2)
    os.kill(os.getpid(), 9)

def half_picture(original, self, path, **kwargs):
    original(self, path, **kwargs)
    os.truncate(path, path.stat().st_size // 2)
    os.kill(os.getpid(), 9)

def half_file(original, path, content):
    original(path, content[: len(content) // 2])
    os.kill(os.getpid(), 9)

def is_configuration(path, content):
    return path.suffix == ".yml"

configurations = []
def is_second_configuration(path, content):
    configurations.extend([path] if is_configuration(path, content) else [])
    return len(configurations) == 2

def is_edited(self, path, **kwargs):
    return "edit_state" in str(path) and ".12." in path.name

def is_checkpoint(path, missing_ok=False):
    return path.suffix == ".ckpt" and path.name.startswith("step-")
"""


@pytest.mark.parametrize("death", DEATHS)
def test_killed_and_resumed_equals_uninterrupted(death, tiny_edit, lab, saved, uninterrupted, same_runs):
    settings, hook = DEATHS[death]
    expected = uninterrupted(settings)
    config = tiny_edit(**settings)
    killed = lab.run(f"{HOOKS}\n{hook}\nrun(load(path))", path=saved(config))
    assert killed.code == -9, killed.stderr
    run = config.get_base_dir()
    resumed = lab.run("import editor3d\neditor3d.resume(run)", run=run)
    assert resumed.code == 0, resumed.stderr
    same_runs(run, expected)


def test_killed_while_a_moved_run_goes_on_costs_nothing(tiny_edit, lab, saved, uninterrupted, same_runs, tmp_path):
    settings, hook = DEATHS["at a step"]
    config = tiny_edit(**settings)
    killed = lab.run(f"{HOOKS}\n{hook}\nrun(load(path))", path=saved(config))
    assert killed.code == -9, killed.stderr
    moved = Path(shutil.move(config.output_dir, tmp_path / "elsewhere")) / "tiny" / "in2n" / "run"
    written = (moved / "config.yml").read_bytes()
    hook = "at(Path, 'write_bytes', is_configuration, half_file)"  # which names the new folder
    killed = lab.run(f"{HOOKS}\n{hook}\nimport editor3d\neditor3d.resume(run)", run=moved)
    assert killed.code == -9, killed.stderr
    assert (moved / "config.yml").read_bytes() == written
    resumed = lab.run("import editor3d\neditor3d.resume(run)", run=moved)
    assert resumed.code == 0, resumed.stderr
    same_runs(moved, uninterrupted(settings))
    assert not list(moved.glob(".*"))
