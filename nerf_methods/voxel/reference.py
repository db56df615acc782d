"""Render the voxel field in plain torch: the reference of the compiled kernel, and the implementation on CUDA.

Same notation and optical model as `kernels`; every operation is differentiable and works in float32 or float64 on any
device. Sample positions are held fixed in the backward pass, as in the kernel.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def contract(points: Tensor) -> Tensor:
    """Mip-NeRF 360's contraction under the maximum norm.

    contract(x) = x where |x| <= 1, else (2 - 1/|x|) x/|x|.

    Args:
        points: [..., 3] in scene units.

    Returns:
        [..., 3] inside [-2, 2]^3.
    """
    m = points.abs().amax(dim=-1, keepdim=True).clamp(min=1.0)
    return points * ((2.0 - 1.0 / m) / m)


def contracted_speed(points: Tensor, directions: Tensor) -> Tensor:
    """|d contract(o + t d) / dt| at `points`; both [..., 3]; returns [..., 1]."""
    m, axis = points.abs().max(dim=-1, keepdim=True)
    inv = 1.0 / m.clamp(min=1.0)
    dm = directions.gather(-1, axis) * points.gather(-1, axis).sign()
    slope = 2.0 * inv * inv * (inv - 1.0) * dm
    velocity = directions * (2.0 - inv) * inv + points * slope
    return torch.where(m <= 1.0, torch.ones_like(m), velocity.norm(dim=-1, keepdim=True))


@torch.no_grad()
def sample_distances(
    origins: Tensor, directions: Tensor, jitter: Tensor, *, near: float, bound: float, contracted: bool, step: float
) -> tuple[Tensor, Tensor]:
    """Distances of the samples along each ray, one `step` of contracted length apart.

    Returns:
        t: [N, S]; valid: [N, S] bool, False beyond the end of the ray.
    """
    if contracted:
        start = torch.full_like(origins[:, 0], near)
        end = torch.full_like(start, 1e10)
    else:
        a, b = (-bound - origins) / directions, (bound - origins) / directions
        start = torch.minimum(a, b).nan_to_num(-torch.inf).amax(-1).clamp(min=near)
        end = torch.maximum(a, b).nan_to_num(torch.inf).amin(-1)
    limit = max(bound - 0.5 * step, 1.0)
    # one axis at most is crossed twice: 3 lengths of the lattice bound the number of steps
    most = int(3 * 2 * bound / step) + 2
    t, alive = start, start < end
    distances, flags = [], []
    for i in range(most):
        points = origins + t[:, None] * directions
        if contracted:
            alive = alive & (contract(points).abs().amax(-1) <= limit)
            dt = step / contracted_speed(points, directions)[:, 0]
        else:
            dt = torch.full_like(t, step)
        if i == 0:
            t = t + jitter * dt
            continue
        alive = alive & (t < end)
        if not bool(alive.any()):
            break
        distances.append(t)
        flags.append(alive)
        t = t + dt
    if not distances:
        return start[:, None], torch.zeros_like(start, dtype=torch.bool)[:, None]
    t, valid = torch.stack(distances, 1), torch.stack(flags, 1)
    if contracted:  # the last position tested may lie beyond the limit
        points = origins[:, None] + t[..., None] * directions[:, None]
        valid = valid & (contract(points).abs().amax(-1) <= limit)
    return t, valid


def activate(raw: Tensor, relu: bool) -> Tensor:
    """Density of shifted raw values: softplus, or max(0, .) in a ReLU field (Karnewar et al. 2022)."""
    return F.relu(raw) if relu else F.softplus(raw)


def interpolate(grid: Tensor, points: Tensor, bound: float) -> Tensor:
    """Trilinear lookup of a lattice [X, Y, Z, C] that spans [-bound, bound]^3.

    Args:
        points: [..., 3], contracted.

    Returns:
        [..., C].
    """
    volume = grid.permute(3, 2, 1, 0)[None]  # grid_sample wants [1, C, Z, Y, X] and coordinates in x, y, z order
    where = (points / bound).reshape(1, -1, 1, 1, 3)
    values = F.grid_sample(volume, where, mode="bilinear", padding_mode="border", align_corners=True)
    return values.reshape(grid.shape[-1], -1).T.reshape(*points.shape[:-1], grid.shape[-1])


def render_rays(
    grid: Tensor,
    origins: Tensor,
    directions: Tensor,
    jitter: Tensor,
    *,
    near: float,
    bound: float,
    contracted: bool,
    step: float,
    shift: float,
    background: Tensor,
    relu: bool = False,
    stop: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Render rays; see `kernels.march` for the arguments.

    Returns:
        rgb [N, 3], accumulation [N], depth [N]; depth is the distance of the sample at which transmittance falls below
        one half, else of the last sample, else `near`.
    """
    t, valid = sample_distances(origins, directions, jitter, near=near, bound=bound, contracted=contracted, step=step)
    points = origins[:, None] + t[..., None] * directions[:, None]
    raw = interpolate(grid, contract(points) if contracted else points, bound)
    optical_depth = activate(raw[..., 0] + shift, relu) * step * valid
    after = torch.exp(-optical_depth.cumsum(1))
    before = torch.cat([torch.ones_like(after[:, :1]), after[:, :-1]], 1)
    reached = before >= stop  # the kernel ends a ray once transmittance is below `stop`
    weights = (before - after) * reached
    last = torch.where(reached, after, torch.inf).amin(1)
    rgb = (weights[..., None] * torch.sigmoid(raw[..., 1:])).sum(1) + last[:, None] * background
    half = (after < 0.5) & valid
    median = t.gather(1, half.int().argmax(1, keepdim=True))[:, 0]
    depth = torch.where(half.any(1), median, torch.where(valid, t, near).amax(1))
    return rgb, 1.0 - last, depth
