"""A splat scene of any size from a capture's sparse points, shaped like a trained one, and its cameras."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import KDTree
from torch import Tensor

from editor3d.datasets import load_posed_images


@dataclass(frozen=True)
class SplatScene:
    means: Tensor
    quats: Tensor
    scales: Tensor
    opacities: Tensor
    colors: Tensor
    viewmats: Tensor
    Ks: Tensor
    width: int
    height: int

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        return self.means, self.quats, self.scales, self.opacities, self.colors


def splat_scene(data: str, count: int, seed: int = 0) -> SplatScene:
    """`count` Gaussians at a capture's points, or scattered about them where there are fewer.

    Sizes come from the distance to the neighbours, times exp(0.6 N(0, 1)) along each axis, since trained Gaussians are
    flat; opacities from sigmoid(2 N(0, 1)).
    """
    posed = load_posed_images(data)
    if posed.points is None:
        raise SystemExit(f"{data} has no sparse points.")
    rng = np.random.default_rng(seed)
    points, colors = posed.points, posed.point_colors / 255.0
    if count <= len(points):
        chosen = rng.choice(len(points), count, replace=False)
        means = points[chosen].astype(np.float64)
    else:
        spacing = KDTree(points).query(points, 4)[0][:, 1:].mean(1)
        extra = rng.integers(0, len(points), count - len(points))
        chosen = np.concatenate([np.arange(len(points)), extra])
        scatter = rng.normal(size=(len(extra), 3)) * spacing[extra, None] * 0.7
        means = np.concatenate([points, points[extra] + scatter])
    distance = KDTree(means).query(means, 4)[0][:, 1:]
    size = np.clip(np.sqrt((distance**2).mean(1)), 1e-4, np.quantile(distance.mean(1), 0.99))
    viewmats = []
    for view in posed.views:
        c2w = np.vstack([view.c2w, [0, 0, 0, 1]])
        c2w[:3, 1:3] *= -1  # OpenGL to OpenCV axes
        viewmats.append(np.linalg.inv(c2w))
    first = posed.views[0]
    lens = np.array([[first.fl_x, 0, first.cx], [0, first.fl_y, first.cy], [0, 0, 1]])

    def tensor(array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))

    return SplatScene(
        means=tensor(means),
        quats=tensor(rng.normal(size=(count, 4))),
        scales=tensor(size[:, None] * np.exp(rng.normal(size=(count, 3)) * 0.6)),
        opacities=tensor(1 / (1 + np.exp(-2 * rng.normal(size=count)))),
        colors=tensor(np.clip(colors[chosen] + rng.normal(size=(count, 3)) * 0.03, 0, 1)),
        viewmats=tensor(np.stack(viewmats)),
        Ks=tensor(lens)[None],
        width=first.width,
        height=first.height,
    )
