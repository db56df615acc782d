"""Checkpoints are whole or absent, load without running code, and are refused in one sentence."""

from __future__ import annotations

import io
import os
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from editor3d.errors import CheckpointError, Editor3DError
from editor3d.run import checkpoints


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run" / "nerfstudio_models"


def state(step: int) -> dict:
    return {"step": step, "pipeline": {"a": torch.arange(step)}, "lr": np.float64(0.25), "nested": [{"n": np.int64(3)}]}


@pytest.mark.parametrize("mapped", [False, True])
def test_what_is_saved_is_loaded_with_plain_numbers(folder, mapped):
    checkpoints.save(folder / "step-000000005.ckpt", state(5))
    loaded = checkpoints.load(checkpoints.latest_checkpoint(folder.parent), mapped)
    assert torch.equal(loaded["pipeline"]["a"], torch.arange(5))
    assert type(loaded["lr"]) is float
    assert type(loaded["nested"][0]["n"]) is int
    assert os.listdir(folder) == ["step-000000005.ckpt"]
    assert os.listdir(folder.parent) == ["nerfstudio_models"]


def test_a_failed_save_leaves_the_earlier_one_and_nothing_else(folder, monkeypatch):
    path = folder / "step-000000005.ckpt"
    checkpoints.save(path, state(5))
    whole = path.read_bytes()

    def full(value, target) -> None:
        Path(target).write_bytes(b"half")
        raise RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed")

    monkeypatch.setattr(torch, "save", full)
    for again in (path, folder / "step-000000009.ckpt"):
        with pytest.raises(Editor3DError, match="file write failed"):
            checkpoints.save(again, state(9))
    assert path.read_bytes() == whole
    assert os.listdir(folder) == [path.name]
    assert os.listdir(folder.parent) == [folder.name]


def test_foreign_files_are_passed_over_and_steps_are_numbers(folder):
    for step in (5, 70, 9):
        checkpoints.save(folder / f"step-{step:09d}.ckpt", state(step))
    for name in ("notes.txt", "step-abc.ckpt", ".step-000000099.ckpt", "step-000000100.ckpt.tmp", "best.ckpt"):
        (folder / name).write_text("foreign")
    assert list(checkpoints.find_checkpoints(folder)) == [5, 9, 70]
    assert checkpoints.latest_checkpoint(folder).name == "step-000000070.ckpt"
    assert checkpoints.latest_checkpoint(folder, 9).name == "step-000000009.ckpt"
    with pytest.raises(CheckpointError, match="5, 9, 70"):
        checkpoints.latest_checkpoint(folder, 8)


def test_no_folder_or_no_checkpoints_is_said(folder):
    with pytest.raises(CheckpointError, match="found nothing"):
        checkpoints.latest_checkpoint(folder)
    folder.mkdir(parents=True)
    with pytest.raises(CheckpointError, match="found none"):
        checkpoints.latest_checkpoint(folder.parent)


class Runs:
    """Would run code on loading."""

    def __reduce__(self):
        return (os.mkdir, ("ran",))


@pytest.mark.parametrize("damage", ["empty", "short", "text", "code", "other"])
def test_damaged_unsafe_and_other_files_are_refused(folder, damage, monkeypatch):
    path = folder / "step-000000005.ckpt"
    checkpoints.save(path, state(5))
    monkeypatch.chdir(folder.parent)
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "short":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif damage == "text":
        path.write_text("no checkpoint")
    elif damage == "code":
        path.write_bytes(pickle.dumps({"step": 1, "pipeline": Runs()}))
    else:
        torch.save([1, 2], path)
    with pytest.raises(CheckpointError, match=path.name) as refusal:
        checkpoints.load(path)
    assert "\n" not in str(refusal.value)
    assert not (folder.parent / "ran").exists()


def test_global_random_state_goes_round():
    before = checkpoints.global_random_state()
    buffer = io.BytesIO()
    torch.save(before, buffer)
    drawn = [torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random()]
    buffer.seek(0)
    checkpoints.set_global_random_state(torch.load(buffer, weights_only=True))
    assert [torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random()] == drawn
