"""Scenes of runs, seen from anywhere, and what is said to instructions about them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from editor3d.datasets.views.images import read_image
from editor3d.errors import ConfigError, DataError
from editor3d.metrics.image import psnr
from editor3d.studio.engine.scenes import HeldScene, Scenes
from editor3d.studio.engine.words import Words


@pytest.fixture(scope="module")
def scenes(tiny_base: Path) -> tuple[Scenes, Path]:
    return Scenes(), tiny_base


@pytest.fixture(scope="module")
def held(scenes: tuple[Scenes, Path]) -> HeldScene:
    return scenes[0].open(scenes[1])


def pixels(jpeg: bytes) -> torch.Tensor:
    return torch.from_numpy(np.array(Image.open(io.BytesIO(jpeg)))).float() / 255


def test_a_frame_from_a_view_is_what_the_view_renders(held: HeldScene) -> None:
    said = held.described()["views"][0]
    frame = held.picture(said["c2w"], said["fov"], said["width"], said["height"])
    assert psnr(torch.from_numpy(frame).float() / 255, held.render(0)) > 45


def test_frames_of_any_shape_show_the_same_middle(held: HeldScene) -> None:
    said = held.described()["views"][0]
    small, wide = (
        pixels(held.frame(95, c2w=said["c2w"], fov=said["fov"], width=width, height=64)) for width in (64, 128)
    )
    assert small.shape == (64, 64, 3)
    assert psnr(wide[:, 32:96], small) > 30


@pytest.mark.parametrize(
    "changed",
    [
        {"fov": 0.0},
        {"fov": float("nan")},
        {"width": 0},
        {"height": 4096},
        {"c2w": [float("nan")] * 12},
        {"c2w": [1.0] * 11},
        {"c2w": [1e9] * 12},
    ],
    ids=str,
)
def test_what_cannot_be_drawn_is_refused(held: HeldScene, changed) -> None:
    said = held.described()["views"][0]
    shot = {"c2w": said["c2w"], "fov": said["fov"], "width": 64, "height": 64} | changed
    with pytest.raises(ConfigError, match="Expected a pose"):
        held.picture(**shot)


def test_photographs_are_those_of_the_capture(held: HeldScene) -> None:
    view, _ = held.views[0]
    photo = read_image(view).float() / 255
    assert psnr(pixels(held.photograph(view.name, 1024)), photo) > 25
    assert max(pixels(held.photograph(view.name, 16)).shape) == 16
    with pytest.raises(DataError, match="There is no view"):
        held.photograph("../capture.json", 64)


def test_a_scene_is_opened_once(scenes: tuple[Scenes, Path], held: HeldScene) -> None:
    assert scenes[0].open(scenes[1]) is held


def test_an_instruction_is_taken_or_refused_with_the_reason(scenes: tuple[Scenes, Path]) -> None:
    words, run = Words(scenes[0]), str(scenes[1])
    assert words.check(run, "make the ball gold", "procedural") == {"refusal": "", "objects": ["ball"]}
    assert "chewing" in words.check(run, "make it chewing gum", "procedural")["refusal"]
    assert "no editor" in words.check(run, "make it night", "no-such")["refusal"]


def test_a_preview_is_the_editors_picture_and_says_what_the_edit_takes(
    scenes: tuple[Scenes, Path], held: HeldScene
) -> None:
    view = held.views[0][0].name
    told, both = Words(scenes[0]).preview(str(scenes[1]), "make it night", "procedural", view, 1)
    before, after = pixels(both[: told["split"]]), pixels(both[told["split"] :])
    assert after.mean() < 0.7 * before.mean()
    full = told["edits"]["full"]
    assert full["count"] == full["views"] == len(held.posed.train_views)
    assert full["cost"] is None


def test_the_editors_that_are_offered_follow_a_sentence_alone(scenes: tuple[Scenes, Path]) -> None:
    told = Words(scenes[0]).editors()
    names = {one["name"] for one in told["editors"]}
    assert "procedural" in names
    assert not names & {"folder", "try-on", "procedural-insert"}
    assert "gold" in told["words"]["material"]
