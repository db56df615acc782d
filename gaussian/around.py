"""Cameras round a scene of splats that came without any."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from editor3d.outputs.orbit import look_at
from editor3d.types import Around
from gaussian.rasterize import rasterization
from gaussian.splats import Splats

DEFAULT_UP = (0.0, -1.0, 0.0)
"""Most files of splats come from COLMAP, whose y axis points down."""
FIELD_OF_VIEW = math.radians(50)
_RINGS = ((0.0, 0.4), (25.0, 0.35), (50.0, 0.25))
"""Degrees above the horizon, and the share of the cameras there."""
_CORE = 0.6  # share of the scene's light that its core holds
_TOO_NEAR = 0.25  # of the way to the centre: what is met there stands in the way
_CLOSER, _TRIES = 0.75, 6
_PROBE = 64


def core_of(splats: Splats) -> tuple[Tensor, float]:
    """Centre [3] and radius of the part that holds most of the scene: medians weighted by opacity and area."""
    scales = splats.scales.double()
    largest = scales.sort(-1).values
    weights = splats.opacities.double() * (largest[:, 1] * largest[:, 2]).clamp(max=torch.quantile(
        (largest[:, 1] * largest[:, 2])[: 1 << 20], 0.95))  # fmt: skip
    means = splats.means.double()
    centre = torch.stack([_weighted_quantile(means[:, axis], weights, 0.5) for axis in range(3)])
    radius = float(_weighted_quantile((means - centre).norm(dim=-1), weights, _CORE))
    return centre, max(radius, 1e-6)


def cameras_around(splats: Splats, around: Around) -> np.ndarray:
    """Poses on rings round the core that look at its centre: [count, 3, 4], OpenGL axes.

    A camera that finds something close before it moves in, as far as it takes to see the core.
    """
    count, up = around.cameras, around.up or DEFAULT_UP
    centre, radius = (value.numpy() if isinstance(value, Tensor) else value for value in core_of(splats.to("cpu")))
    if around.center is not None:
        centre = np.array(around.center)
    vertical = np.asarray(up, dtype=np.float64) / np.linalg.norm(up)
    east = np.cross(vertical, [1.0, 0.0, 0.0] if abs(vertical[0]) < 0.9 else [0.0, 1.0, 0.0])
    east /= np.linalg.norm(east)
    north = np.cross(vertical, east)
    distance = around.distance or radius / math.sin(FIELD_OF_VIEW / 2)
    poses = []
    for ring, (elevation, _) in enumerate(_RINGS):
        members = _members(count, ring)
        for place in range(members):
            azimuth = 2 * math.pi * (place + 0.5 * (ring % 2)) / members
            pitch = math.radians(elevation)
            outward = math.cos(pitch) * (math.cos(azimuth) * east + math.sin(azimuth) * north)
            outward = outward + math.sin(pitch) * vertical
            for attempt in range(_TRIES):
                far = distance * _CLOSER**attempt
                pose = look_at((centre + far * outward)[None], outward[None], vertical)[0]
                if around.distance or _nearest(splats, pose) > _TOO_NEAR * far:
                    break
            poses.append(pose)
    return np.stack(poses)


def _members(count: int, ring: int) -> int:
    shares = np.cumsum([0.0, *(share for _, share in _RINGS)])
    edges = np.round(shares * count).astype(int)
    return int(edges[ring + 1] - edges[ring])


def intrinsics(width: int, height: int) -> Tensor:
    """[3, 3] of a pinhole whose shorter side spans `FIELD_OF_VIEW`."""
    focal = 0.5 * min(width, height) / math.tan(FIELD_OF_VIEW / 2)
    return torch.tensor([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])


@torch.no_grad()
def _nearest(splats: Splats, pose: np.ndarray) -> float:
    """Median z-depth of what a camera at `pose` sees; infinite where that is nothing."""
    from gaussian.drawing import viewmat_of

    viewmat = viewmat_of(torch.from_numpy(pose).float().to(splats.device))
    depth, seen, _ = rasterization(
        splats.means, splats.quats, splats.scales, splats.opacities, splats.sh[:, 0], viewmat[None],
        intrinsics(_PROBE, _PROBE)[None].to(splats.device), _PROBE, _PROBE, render_mode="ED", packed=False,
        near_plane=1e-6,
    )  # fmt: skip
    covered = depth[0, ..., 0][seen[0, ..., 0] > 0.5]
    return float(covered.median()) if covered.numel() else math.inf


def _weighted_quantile(values: Tensor, weights: Tensor, q: float) -> Tensor:
    order = values.argsort()
    total = weights[order].cumsum(0)
    return values[order][torch.searchsorted(total, total[-1] * q).clamp(max=len(values) - 1)]
