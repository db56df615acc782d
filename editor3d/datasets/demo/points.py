"""A sparse cloud of coloured surface points, as a capture's reconstruction would give, but exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from editor3d.datasets.demo.views import FOCAL, DemoView

RGB = ("red", "green", "blue")


class SurfacePoints:
    """Coloured points of the surfaces that the training views see, gathered view by view."""

    def __init__(self, per_view: int) -> None:
        self._per_view = per_view
        self._random = np.random.default_rng(0)
        self._rows: list[np.ndarray] = []

    def add(self, view: DemoView, picture: np.ndarray, depth: np.ndarray) -> None:
        """Take points at random pixels of `picture` [S, S, 3] uint8 that have a `depth` [S, S]."""
        size = len(depth)
        row, column = np.nonzero(depth)
        chosen = self._random.permutation(len(row))[: self._per_view]
        row, column = row[chosen], column[chosen]
        x, y = (column + 0.5 - size / 2) / (FOCAL * size), (row + 0.5 - size / 2) / (FOCAL * size)
        rays = np.stack([x, -y, -np.ones_like(x)], axis=-1) @ view.c2w[:, :3].T
        points = np.empty(len(row), dtype=[*((axis, "<f4") for axis in "xyz"), *((c, "u1") for c in RGB)])
        points["x"], points["y"], points["z"] = (view.c2w[:, 3] + depth[row, column, None] * rays).T
        points["red"], points["green"], points["blue"] = picture[row, column].T
        self._rows.append(points)

    def save(self, path: Path) -> None:
        """Write a binary PLY."""
        points = np.concatenate(self._rows)
        header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(points)}"]
        header += [f"property float {axis}" for axis in "xyz"] + [f"property uchar {c}" for c in RGB] + ["end_header"]
        path.write_bytes("\n".join([*header, ""]).encode("ascii") + points.tobytes())
