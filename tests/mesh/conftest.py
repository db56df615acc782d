"""Small meshes, and runs of a few steps on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from mesh.model.field import FieldSettings
from mesh.style.config import StyleConfig
from mesh.surface import Surface

SMALL = FieldSettings(frequencies=16, width=16, depth=2)


def make_ball(subdivisions: int = 2, radius: float = 1.0, center=(0.0, 0.0, 0.0)) -> trimesh.Trimesh:
    """A sphere with vertices of its own that no axis mirrors."""
    found = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)
    found.apply_translation(center)
    return found


def make_checkered_box() -> trimesh.Trimesh:
    """A box with a checkerboard on it; each face has the six faces' own part of the texture."""
    box = trimesh.creation.box(extents=(1.0, 1.4, 0.8))
    triangles = np.asarray(box.vertices)[box.faces]
    corners, uvs = [], []
    for index, triangle in enumerate(triangles):
        axis = int(np.abs(box.face_normals[index]).argmax())
        flat = np.delete(triangle, axis, axis=1) / [1.5, 1.5] + 0.5
        place = 2 * axis + int(box.face_normals[index][axis] > 0)
        corners.append(triangle)
        uvs.append((flat * 0.9 + 0.05 + [place % 3, place // 3]) / [3, 2])
    picture = (np.indices((48, 72)).sum(0) // 4 % 2 * 200 + 30).astype(np.uint8)
    texture = np.stack([picture, picture // 2, 255 - picture], -1)
    visual = trimesh.visual.TextureVisuals(
        uv=np.concatenate(uvs),
        material=trimesh.visual.material.PBRMaterial(baseColorTexture=Image.fromarray(texture), metallicFactor=0.0),
    )
    return trimesh.Trimesh(
        np.concatenate(corners), np.arange(3 * len(corners)).reshape(-1, 3), visual=visual, process=False
    )


@pytest.fixture(scope="session")
def ball() -> Callable[..., trimesh.Trimesh]:
    return make_ball


@pytest.fixture(scope="session")
def checkered_box() -> Callable[[], trimesh.Trimesh]:
    return make_checkered_box


@pytest.fixture(scope="session")
def triangles_of() -> Callable[[Surface], np.ndarray]:
    return sorted_triangles


@pytest.fixture
def ball_file(tmp_path: Path) -> Path:
    path = tmp_path / "ball.obj"
    make_ball(3).export(path)
    return path


@pytest.fixture
def box_file(tmp_path: Path) -> Path:
    path = tmp_path / "box.glb"
    make_checkered_box().export(path)
    return path


@pytest.fixture
def config(ball_file: Path) -> Callable[..., StyleConfig]:
    """Makes the configuration of a short run; `views` and `style` are fields of its settings."""

    def make(views: dict | None = None, style: dict | None = None, **settings) -> StyleConfig:
        from dataclasses import replace

        from mesh.render.cameras import ViewSettings

        settings = {
            "mesh": str(ball_file),
            "instruction": "make it bronze" if "prompt" not in settings else "",
            "steps": 6,
            "turntable_frames": 0,
            "texture_size": 64,
            "batch": 512,
            "views_per_step": 2,
            **settings,
        }
        small = {"train": 6, "held_out": 2, "side": 32, **(views or {})}
        return StyleConfig(views=ViewSettings(**small), style=replace(SMALL, **(style or {})), **settings)

    return make


def sorted_triangles(surface: Surface) -> np.ndarray:
    """[F, 3, 3], sorted, so that the order of faces and of their corners does not matter."""
    soup = surface.vertices[surface.faces]
    soup = np.array([np.roll(t, -int(np.lexsort(t.T[::-1])[0]), axis=0) for t in soup])
    return soup[np.lexsort(soup.reshape(len(soup), 9).T[::-1])]
