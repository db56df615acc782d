"""Small captures written to disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

SIZE = (40, 30)
CAMERA = {"w": 40, "h": 30, "fl_x": 36.5, "fl_y": 35.25, "cx": 19.25, "cy": 15.75}


def random_pose(rng: np.random.Generator) -> np.ndarray:
    """[4, 4] camera-to-world near the origin."""
    pose = np.eye(4)
    pose[:3, :3] = Rotation.random(random_state=int(rng.integers(2**31))).as_matrix()
    pose[:3, 3] = rng.normal(size=3)
    return pose


def picture(size: tuple[int, int] = SIZE, seed: int = 0) -> Image.Image:
    width, height = size
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.fixture
def write_capture(tmp_path: Path) -> Callable[..., Path]:
    """Writes a nerfstudio capture of `count` views and returns its transforms.json.

    `change(data)` edits the file's content before it is written; `meta` replaces the shared camera keys.
    """

    def write(
        count: int = 10,
        meta: dict | None = None,
        change: Callable[[dict], None] = lambda data: None,
        size: tuple[int, int] = SIZE,
    ) -> Path:
        rng = np.random.default_rng(7)
        (tmp_path / "images").mkdir(exist_ok=True)
        frames = []
        # Written last view first: the order of the file is not that of the names.
        for index in reversed(range(count)):
            file_path = f"images/frame_{index:03d}.png"
            picture(size, seed=index).save(tmp_path / file_path)
            frames.append({"file_path": file_path, "transform_matrix": random_pose(rng).tolist()})
        data = {**(CAMERA if meta is None else meta), "frames": frames}
        change(data)
        path = tmp_path / "transforms.json"
        path.write_text(json.dumps(data))
        return path

    return write
