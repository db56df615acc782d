"""An edit follows the depth that a capture measured, in place of what its base makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from editor3d.datasets import load_posed_images
from editor3d.geometry.camera import Camera

RADIUS = 0.5
UNIT = 0.001


def _true(camera: Camera) -> Tensor:
    """The distance [H, W] to the ball at the origin or the floor under it; 0 where neither is."""
    directions = (camera.lens.directions().double() @ camera.c2w[:, :3].T).view(
        camera.lens.height, camera.lens.width, 3
    )
    eye = camera.origin
    floor = (-RADIUS - eye[2]) / directions[..., 2]
    along = directions @ eye
    reach = along.square() - (eye @ eye - RADIUS**2)
    ball = -along - reach.clamp(min=0.0).sqrt()
    return torch.where(reach > 0, ball, torch.where(directions[..., 2] < -1e-3, floor, torch.zeros(()).double()))


@pytest.fixture
def measured_capture(own_capture: Path) -> Path:
    """The tiny capture with the true depth of all of its pictures."""
    (own_capture / "depth").mkdir()
    body = json.loads((own_capture / "transforms.json").read_text())
    paths = {view.name: f"depth/{view.name}.png" for view in load_posed_images(own_capture).views}
    for view in load_posed_images(own_capture).views:
        camera = Camera.of_view(view)
        ahead = (_true(camera) * camera.cosines() / UNIT).round().clamp(0, 65535)
        cv2.imwrite(str(own_capture / paths[view.name]), ahead.numpy().astype(np.uint16))
    for frame in body["frames"]:
        frame["depth_file_path"] = paths[Path(frame["file_path"]).stem]
    body["depth_unit_scale_factor"] = UNIT
    (own_capture / "transforms.json").write_text(json.dumps(body))
    return own_capture


def _off(trainer, index: int = 0) -> float:
    """Median error of the depth that an editor gets of a training view, as a share of the distance, where all of it is
    near: the floor goes on to where pixels span metres."""
    geometry, view = trainer.pipeline.geometry(index), trainer.pipeline.train_views[index]
    true = _true(Camera.of_view(view))
    near = (true > 0) & (true < 4.0)
    return float(((geometry.depth - true).abs() / true)[near].nan_to_num(1.0, posinf=1.0).median())


def test_measured_depth_is_followed_and_the_bases_own_without_it(
    tiny_edit: Callable, start: Callable, measured_capture: Path, tiny_capture: Path, tmp_path: Path
) -> None:
    said = {"instruction": "make the ball gold"}
    measured = start(tiny_edit(measured_capture, **said, output_dir=tmp_path / "measured"))
    rendered = start(tiny_edit(tiny_capture, **said, output_dir=tmp_path / "rendered"))
    assert _off(measured) < 0.01
    assert _off(rendered) > 0.05  # twenty steps make no surface: the test would tell


def test_a_scene_that_was_edited_before_is_followed_as_it_is_now(
    tiny_edit: Callable, start: Callable, measured_capture: Path
) -> None:
    trainer = start(tiny_edit(measured_capture, instruction="make the ball gold"))
    trainer.pipeline.as_captured = False  # what an edit's trainer says of a base that is itself an edit
    assert _off(trainer) > 0.05
