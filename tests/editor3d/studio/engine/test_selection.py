"""Marks on frames become regions of the capture, and regions stand out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from editor3d.errors import ConfigError, RegionError
from editor3d.studio.engine.scenes import HeldScene
from editor3d.studio.engine.selection import along, points_under


@pytest.fixture(scope="module")
def held(tiny_base: Path) -> HeldScene:
    return HeldScene(tiny_base)


def shot(held: HeldScene) -> dict:
    said = held.described()["views"][0]
    return {"c2w": said["c2w"], "fov": said["fov"], "width": 64, "height": 64}


def ball(held: HeldScene) -> tuple[int, int]:
    """A pixel of a frame of the first view that shows the ball."""
    from editor3d.datasets.views.images import read_object_masks

    mask = read_object_masks(held.views[0][0], held.posed.objects, (64, 64))["ball"].numpy()
    y, x = np.argwhere(mask).mean(0).round().astype(int)
    assert mask[y, x]
    return int(x), int(y)


def test_a_line_has_a_point_at_least_every_pixel() -> None:
    line = along([[0, 0], [3, 1], [3, 5]])
    assert np.abs(np.diff(line, axis=0)).max() <= 1
    assert line[0].tolist() == [0, 0]
    assert line[-1].tolist() == [3, 5]
    assert along([[2, 2]]).tolist() == [[2, 2]]


def test_a_click_says_which_object_is_there(held: HeldScene) -> None:
    x, y = ball(held)
    found = held.marked(**shot(held), pixels=[[x + 0.5, y + 0.5]])
    assert found["object"] == "ball"
    (point,) = found["points"]
    assert np.linalg.norm(point) < 5


def test_a_stroke_chooses_parts_and_these_stand_out(held: HeldScene, tmp_path: Path) -> None:
    x, y = ball(held)
    found = held.marked(**shot(held), pixels=[[x - 2, y], [x + 2, y]])
    file = tmp_path / "strokes.json"
    file.write_text(json.dumps({"strokes": [{"points": found["points"]}]}))
    region = f"strokes:{file}"
    which = held.parts(region)
    assert 0 < which.sum() < len(which)
    plain, shown = held.picture(**shot(held)), held.picture(**shot(held), region=region)
    moved = np.abs(plain.astype(int) - shown).max(-1)
    assert moved[y, x] > 40


def test_a_mark_beside_the_scene_is_refused(held: HeldScene) -> None:
    away = {**shot(held), "c2w": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, -1e5]}
    with pytest.raises(RegionError, match="nothing there"):
        held.marked(**away, pixels=[[5, 5]])
    with pytest.raises(RegionError, match="found none"):
        held.parts("sphere:900,900,900,0.1")


def test_a_reconstruction_has_no_strengths(held: HeldScene) -> None:
    with pytest.raises(ConfigError, match="is a reconstruction"):
        held.picture(**shot(held), strength=0.5)
    with pytest.raises(ConfigError, match="strength of 0 to 1"):
        held.picture(**shot(held), strength=2.0)


def test_points_lie_on_the_surface_that_the_frame_shows(held: HeldScene) -> None:
    """Seen again from the same camera, they are under the line."""
    from editor3d.geometry.camera import Camera
    from editor3d.studio.engine.scenes import _camera
    from editor3d.studio.engine.selection import frame_of

    x, y = ball(held)
    camera = _camera(**shot(held))
    points = points_under(held.pipeline, camera, [[x - 3, y], [x + 3, y]])
    import torch

    pixels, seen = Camera.of(camera, 0).pixels(frame_of(held.pipeline).to_scene(torch.tensor(points)))
    assert bool(seen.all())
    assert (pixels[:, 1] - (y + 0.5)).abs().max() < 0.01
