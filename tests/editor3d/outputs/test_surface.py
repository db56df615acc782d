from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh

from editor3d.errors import ConfigError
from editor3d.outputs.surface import SolidField, extract_surface, write_mesh, write_points

CENTRE, RADIUS, COLOR = torch.tensor([0.2, -0.1, 0.3]), 0.4, torch.tensor([0.8, 0.3, 0.1])
MARBLE = torch.tensor([-0.8, -0.8, -0.8])


def ball(density: float = 200.0) -> SolidField:
    """A soft-edged ball, and a marble a hundredth of its area; green outside, where nothing is seen."""

    def distance(points):
        return torch.minimum((points - CENTRE).norm(dim=-1) - RADIUS, (points - MARBLE).norm(dim=-1) - 0.1 * RADIUS)

    def density_at(points):
        return density * torch.sigmoid(-distance(points) / 0.01)

    def color(points, directions):
        return torch.where(distance(points)[:, None] < 0.03, COLOR, torch.tensor([0.0, 1.0, 0.0]))

    return SolidField(density_at, color, radius=1.0)


def test_surface_of_a_ball_is_that_ball():
    mesh = extract_surface(ball(), resolution=96, threshold=100.0, min_component=0.02)
    offsets = np.linalg.norm(mesh.vertices - CENTRE.numpy(), axis=1) - RADIUS
    assert np.abs(offsets).max() < 0.25 * 2 / 95
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=0.02)  # positive: wound outwards
    assert np.abs(mesh.visual.vertex_colors[:, :3] - COLOR.numpy() * 255).max() < 8


def test_small_parts_go_only_below_their_share():
    whole = extract_surface(ball(), resolution=96, threshold=100.0, min_component=0.0)
    assert whole.body_count == 2
    assert extract_surface(ball(), resolution=96, threshold=100.0, min_component=0.02).body_count == 1


def test_a_smaller_cube_cuts_the_ball_open():
    mesh = extract_surface(ball(), resolution=64, threshold=100.0, radius=0.5)
    assert np.abs(mesh.vertices).max() <= 0.5 + 1e-6
    assert not mesh.is_watertight


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"threshold": 500.0}, "choose another threshold"),
        ({"threshold": -1.0}, "positive threshold"),
        ({"resolution": 4}, "resolution of 8 to 1024"),
        ({"radius": 0.0}, "radius of more than 0"),
    ],
)
def test_values_out_of_range_are_refused(values, said):
    with pytest.raises(ConfigError, match=said):
        extract_surface(ball(), **{"resolution": 16, "threshold": 100.0, **values})


@pytest.mark.parametrize("suffix", [".ply", ".obj", ".glb"])
def test_mesh_reads_back(tmp_path, suffix):
    mesh = extract_surface(ball(), resolution=24, threshold=100.0)
    colors = np.random.default_rng(0).integers(0, 256, (len(mesh.vertices), 3), dtype=np.uint8)
    mesh.visual.vertex_colors = colors
    write_mesh(tmp_path / f"m{suffix}", mesh)
    read = trimesh.load(tmp_path / f"m{suffix}", force="mesh", process=False)
    assert np.allclose(read.vertices, mesh.vertices, atol=1e-6)
    assert np.array_equal(read.faces, mesh.faces)
    found = read.visual.vertex_colors[:, :3] / 255.0
    if suffix == ".glb":  # linear light
        found = np.where(found <= 0.0031308, 12.92 * found, 1.055 * found ** (1 / 2.4) - 0.055)
    # one linear step is up to 13 sRGB steps in the darkest tones
    assert np.abs(found * 255 - colors).max() <= (7 if suffix == ".glb" else 1)
    assert np.array_equal(mesh.visual.vertex_colors[:, :3], colors)


def test_points_read_back(tmp_path):
    rng = np.random.default_rng(1)
    points, colors = rng.normal(size=(50, 3)).astype(np.float32), rng.integers(0, 256, (50, 3), dtype=np.uint8)
    write_points(tmp_path / "p.ply", points, colors)
    read = trimesh.load(tmp_path / "p.ply")
    assert np.allclose(read.vertices, points)
    assert np.array_equal(read.visual.vertex_colors[:, :3], colors)
