"""Gaussians that belong to no surface: floaters, needles, fog before the cameras, and what lies far behind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree
from torch import Tensor

from gaussian.draw.depth import median_depth, slabs
from gaussian.draw.selection import PosedPinhole
from gaussian.raster.rasterize import rasterization
from gaussian.splats import Splats, select

_NEIGHBOURS = 12
_REACH = 2.5
"""Gaussians touch whose centres are nearer than so many times the spacing of the tighter packed one."""
_THIN = 4.0
"""Centres so many times farther apart than is usual at their distance from the cameras are not linked."""
_SMALL = 0.004
"""A part of the scene is small that has at most this share of its Gaussians."""
_BEFORE = 0.08
"""Something stands before the rest where it is nearer by this share of the rest's depth."""
_SEEN_BEFORE = 0.2
"""The share of the views which must see a floater stand before the rest."""
_NEEDLE, _LONG = 20.0, 0.02
_FOG = 0.15


def floaters(splats: Splats, cameras: Sequence[PosedPinhole]) -> Tensor:
    """Small parts of a scene that hang free before it: [N] bool.

    By density and size: centres are linked to those near by, in units of how densely Gaussians lie there; a floater is
    in a part of few. By visibility: it stands clear before the surface that the
    rest shows in a fifth of the views at least, or before nothing at all.

    Args:
        cameras: of at least one view.
    """
    loose = _loose(splats, cameras)
    if not bool(loose.any()) or bool(loose.all()):
        return torch.zeros(len(splats), dtype=torch.bool)
    firm = select(splats, ~loose)
    places = loose.nonzero().flatten()
    before, seen = torch.zeros(len(places)), torch.zeros(len(places))
    for camera in cameras:
        z, inside, row, column = _on_picture(splats.means[places], camera)
        depth = surface_depth(firm, camera)[row, column]
        visible = inside & (z < depth)
        before += (visible & (z < (1 - _BEFORE) * depth)).float()
        seen += inside.float()
    found = loose.clone()
    found[places] = before >= (_SEEN_BEFORE * seen).clamp_min(1)
    return found


def _loose(splats: Splats, cameras: Sequence[PosedPinhole]) -> Tensor:
    """Which Gaussians [N] are in small parts of the scene."""
    means = splats.means.double().numpy()
    count = min(_NEIGHBOURS + 1, len(means))
    distances, neighbours = (np.asarray(found) for found in KDTree(means).query(means, k=count))
    spacing = np.median(distances[:, 1:], axis=1) if count > 1 else np.zeros(len(means))
    here = np.repeat(np.arange(len(means)), count - 1)
    there, apart = neighbours[:, 1:].ravel(), distances[:, 1:].ravel()
    # what is densely packed decides: a sparse one is no bridge to it
    usual = np.median(spacing[neighbours[:, 1:]], axis=1)
    # and what is far thinner than the scene at that distance from the cameras is no part of a surface
    eyes = torch.stack([torch.linalg.inv(camera.viewmat.double())[:3, 3] for camera in cameras]).numpy()
    away = KDTree(eyes).query(means)[0]
    usual = np.minimum(usual, _THIN * np.median(spacing / np.maximum(away, 1e-12)) * away)
    linked = apart <= _REACH * np.minimum(usual[here], usual[there])
    graph = coo_matrix((linked[linked], (here[linked], there[linked])), shape=(len(means), len(means)))
    parts, labels = connected_components(graph, directed=False)
    sizes = np.bincount(labels, minlength=parts)
    small = sizes[labels] <= max(_SMALL * len(means), 1)
    return torch.from_numpy(small)


def needles(splats: Splats, size: float) -> Tensor:
    """Gaussians [N] bool more than 20 times as long as they are wide, and longer than a fiftieth of the scene.

    Args:
        size: of the scene, its units.
    """
    scales = splats.scales.sort(dim=1).values
    return (scales[:, 2] > _NEEDLE * scales[:, 1]) & (scales[:, 2] > _LONG * size)


def fog(splats: Splats, cameras: Sequence[PosedPinhole]) -> Tensor:
    """Gaussians [N] bool that hang right before a camera: nearer than 15 % of the median depth that it sees."""
    found = torch.zeros(len(splats), dtype=torch.bool)
    for camera in cameras:
        depth = surface_depth(splats, camera)
        depth = depth[depth.isfinite()]
        if len(depth):
            eye = torch.linalg.inv(camera.viewmat.double())[:3, 3]
            reach = _FOG * float(depth.median())
            found |= (splats.means.double() - eye).norm(dim=1) - splats.scales.amax(1).double() < reach
    return found


def background(splats: Splats, cameras: Sequence[PosedPinhole], radius: float) -> Tensor:
    """Gaussians [N] bool farther from where the cameras look than `radius` times their median distance from there."""
    eyes = torch.stack([torch.linalg.inv(camera.viewmat.double())[:3, 3] for camera in cameras])
    axes = torch.stack([camera.viewmat.double()[2, :3] for camera in cameras])
    # the point nearest to all lines of sight: sum (I - a aᵀ) (x - e) = 0
    away = torch.eye(3, dtype=torch.float64) - axes[:, :, None] * axes[:, None, :]
    centre = torch.linalg.lstsq(away.sum(0), (away @ eyes[:, :, None]).sum(0)).solution[:, 0]
    reach = radius * (eyes - centre).norm(dim=1).median()
    return (splats.means.double() - centre).norm(dim=1) > reach


def _on_picture(means: Tensor, camera: PosedPinhole) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Depths of points [M, 3], whether the picture holds them, and their rows and columns, clamped: [M] each."""
    there = means @ camera.viewmat[:3, :3].T.float() + camera.viewmat[:3, 3].float()
    z = there[:, 2]
    pixels = (there / z.clamp_min(1e-6)[:, None]) @ camera.K.T.float()
    column, row = pixels[:, 0].floor(), pixels[:, 1].floor()
    inside = (z > camera.near) & (column >= 0) & (row >= 0) & (column < camera.width) & (row < camera.height)
    column, row = column.nan_to_num().clamp(0, camera.width - 1), row.nan_to_num().clamp(0, camera.height - 1)
    return z, inside, row.long(), column.long()


@torch.no_grad()
def surface_depth(splats: Splats, camera: PosedPinhole) -> Tensor:
    """Depth of the surface, [H, W]; infinite where there is none."""
    z = splats.means @ camera.viewmat[2, :3].float() + camera.viewmat[2, 3].float()
    picture, _, _ = rasterization(
        splats.means, splats.quats, splats.scales, splats.opacities, slabs(z),
        camera.viewmat[None].float(), camera.K[None].float(), camera.width, camera.height, near_plane=camera.near,
        packed=False,
    )  # fmt: skip
    return median_depth(picture[0])[..., 0]
