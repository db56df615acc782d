"""Whole edits of the tiny capture, and what tests look at in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from editor3d.editors import EDITORS, EditorEntry, find_entry
from editor3d.errors import InstructionError
from editor3d.plugin.edit.settings import EditPipelineConfig
from editor3d.types import EditorInfo


class Recorder:
    """An editor that remembers its requests and changes nothing."""

    def __init__(self, info: EditorInfo) -> None:
        self.info, self.requests = info, []

    def validate(self, instruction, objects, views) -> None:
        if not instruction:
            raise InstructionError("Expected an instruction, got none: say one.")

    def edit(self, request):
        self.requests.append(request)
        return request.condition


@pytest.fixture
def recorder(monkeypatch) -> Recorder:
    """Stands behind the name `recorder` as an editor of the kind of a diffusion model."""
    info = EditorInfo("recorder", "", "", uses_render=True, uses_noise_level=True, varies_with_seed=True)
    made = Recorder(info)
    monkeypatch.setitem(EDITORS, "recorder", EditorEntry(info, "unused:unused"))
    monkeypatch.setattr(EditPipelineConfig, "create_editor", lambda self, spec, device: made)
    return made


@pytest.fixture
def small_editor(monkeypatch) -> None:
    """The editor `procedural-noisy` as one that works on small copies, of 8 pixels."""
    entry = find_entry("procedural-noisy")
    monkeypatch.setitem(EDITORS, "procedural-noisy", replace(entry, info=replace(entry.info, working_side=8)))


@pytest.fixture
def edit_before_step_0() -> Callable[[object], None]:
    """Makes the 2D edits that a trainer has due before its first step."""

    def edit(trainer) -> None:
        trainer.pipeline.updater.on_progress = lambda done, due: None  # its bar is only there while fitting
        trainer.pipeline.updater.before_step(0)

    return edit


@pytest.fixture
def training_pictures() -> Callable[[object], list[torch.Tensor]]:
    """Copies of what a trainer trains on now: [H, W, 3] uint8, view by view."""

    def read(trainer) -> list[torch.Tensor]:
        pictures = trainer.pipeline.datamanager.train_pictures
        return [pictures[index].clone() for index in range(len(pictures))]

    return read


@pytest.fixture
def photographs() -> Callable[[object], list[torch.Tensor]]:
    """The photographs of a trainer's training views: [H, W, 3] uint8."""

    def read(trainer) -> list[torch.Tensor]:
        return [torch.from_numpy(np.array(Image.open(view.image_path))) for view in trainer.pipeline.train_views]

    return read


@pytest.fixture
def change_transforms() -> Callable[[Path, Callable[[dict], object]], None]:
    """Changes what a capture's transforms.json says."""

    def change(capture: Path, how: Callable[[dict], object]) -> None:
        file = capture / "transforms.json"
        data = json.loads(file.read_text())
        how(data)
        file.write_text(json.dumps(data))

    return change


@pytest.fixture
def small_voxels(monkeypatch) -> None:
    """The method `voxel` at a tiny size."""
    from nerf_methods.voxel.method import voxel

    monkeypatch.setattr(voxel.config.pipeline.model, "resolutions", (12, 16))
    monkeypatch.setattr(voxel.config.pipeline.model, "upsample_steps", (4,))
    monkeypatch.setattr(voxel.config.pipeline.datamanager, "train_num_rays_per_batch", 64)


@pytest.fixture
def stop_after_one_step() -> Callable[[object], None]:
    """Lets a trainer be stopped as by Ctrl-C during its next step."""

    def arrange(trainer) -> None:
        train = trainer.train_iteration

        def train_then_stop(step: int):
            trainer.stop_training = True
            return train(step)

        trainer.train_iteration = train_then_stop

    return arrange
