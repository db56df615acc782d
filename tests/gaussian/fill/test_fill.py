"""A thing taken out of a scene: the rest keeps every bit, and what it stood on goes on beneath it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import editor3d
from editor3d.cli import main
from editor3d.errors import ConfigError
from editor3d.types import Around
from gaussian.draw.selection import PosedPinhole, _draw
from gaussian.files import read_splats, write_splats
from gaussian.fill.surface import continued
from gaussian.fit.initialize import flat_on
from gaussian.splats import SH_C0, Splats, concatenate

LOOKS = Around(cameras=16, side=64, up=(0.0, 0.0, 1.0), center=(0.0, 0.0, 0.1), distance=3.0)
BALL = "sphere:0,0,0.3,0.33"


def striped(points: np.ndarray) -> np.ndarray:
    light = np.floor(points[:, 0] * 4) % 2 > 0
    return np.where(light[:, None], [0.8, 0.7, 0.5], [0.4, 0.5, 0.3])


def floor_without(radius: float) -> Splats:
    """A striped floor with a hole in its middle: nothing is known of what lies beneath the ball."""
    x, y = np.meshgrid(np.linspace(-1, 1, 61), np.linspace(-1, 1, 61))
    points = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], 1)
    points = points[np.hypot(points[:, 0], points[:, 1]) > radius]
    return flat_on(points, np.tile([0.0, 0.0, 1.0], (len(points), 1)), striped(points), 2 / 60, 0)


@pytest.fixture(scope="module")
def scene() -> Splats:
    draw = np.random.default_rng(0)
    normals = draw.normal(size=(900, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    ball = flat_on(0.3 * normals + [0, 0, 0.3], normals, np.tile([0.8, 0.1, 0.1], (900, 1)), 0.035, 0)
    return concatenate([floor_without(0.16), ball])


@pytest.fixture
def file(scene, tmp_path) -> Path:
    write_splats(tmp_path / "scene.ply", scene)
    return tmp_path / "scene.ply"


def rows(splats: Splats) -> torch.Tensor:
    return torch.cat([value.reshape(len(splats), -1) for value in splats.tensors.values()], 1)


def from_above(splats: Splats) -> torch.Tensor:
    viewmat = torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0]))
    viewmat[2, 3] = 3.0
    K = torch.tensor([[90.0, 0, 32], [0, 90.0, 32], [0, 0, 1]])
    return _draw(splats, PosedPinhole(viewmat, K, 64, 64), 0.5 + SH_C0 * splats.sh[:, 0])[0]


def test_the_rest_keeps_every_bit_and_the_floor_goes_on(file, scene, tmp_path):
    change = editor3d.change_splats(file, BALL, tmp_path / "out.ply", delete=True, fill=True, around=LOOKS)
    after = read_splats(change.output)
    left = len(after) - change.filled
    assert left < len(after)
    kept, before = {tuple(row) for row in rows(after)[:left].tolist()}, rows(scene)[:-900].tolist()
    assert [row for row in before if tuple(row) in kept] == rows(after)[:left].tolist()  # bit by bit, in order
    assert all(tuple(row) in kept or np.hypot(*row[:2]) < 0.5 for row in before)  # but for what the ball hid
    new = after.means[left:]
    assert new[:, 2].abs().max() < 0.06
    assert new[:, :2].norm(dim=1).max() < 0.45
    whole = from_above(floor_without(0.0))
    middle = slice(27, 37)
    error, without = ((from_above(s) - whole)[middle, middle].square().mean() for s in (after, floor_without(0.16)))
    assert error < 0.5 * without


def test_a_thing_that_floats_leaves_nothing_to_fill(scene, tmp_path):
    ball = Splats(*(value[-900:] for value in scene.tensors.values()))
    far = Splats(*(value[-900:].clone() for value in scene.tensors.values()))
    far.means[:, 0] += 3.0
    write_splats(tmp_path / "two.ply", concatenate([ball, far]))
    change = editor3d.change_splats(
        tmp_path / "two.ply", BALL, tmp_path / "one.ply", delete=True, fill=True, around=LOOKS
    )
    assert change.filled == 0
    assert torch.equal(rows(read_splats(change.output)), rows(far))


def test_the_surface_is_that_which_the_thing_does_not_cross():
    draw = np.random.default_rng(1)
    floor = np.c_[draw.uniform(-1, 1, (800, 2)), draw.normal(0, 0.002, 800)]
    wall = np.c_[draw.uniform(-1, 1, (400, 1)), np.zeros((400, 1)), draw.uniform(0, 1, (400, 1))]
    turned = draw.normal(size=(500, 3))
    thing = 0.3 * turned / np.linalg.norm(turned, axis=1, keepdims=True) + [0, 0, 0.3]
    found = continued(thing, np.concatenate([floor, wall]))
    assert abs(found.axes[2] @ [0, 0, 1]) > 0.999
    assert np.abs(found.points(np.zeros((1, 2)))[0, 2]) < 0.01
    assert continued(thing + [0, 0, 5.0], floor) is None


def test_a_fill_without_a_deletion_is_refused(file, tmp_path, capsys):
    with pytest.raises(ConfigError, match="delete, or do not fill"):
        editor3d.change_splats(file, BALL, tmp_path / "out.ply", recolor="red", fill=True)
    assert main(["splats", str(file), "--select", BALL, "--output", str(tmp_path / "o.ply"), "--fill"]) == 2
    assert "Traceback" not in capsys.readouterr().err
