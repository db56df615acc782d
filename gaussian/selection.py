"""Choosing Gaussians by what is seen of them, and changing those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gaussian.rasterize import rasterization
from gaussian.splats import SH_C0, Splats, concatenate, select

_OPAQUE = 0.5


@dataclass(frozen=True, eq=False)
class PosedPinhole:
    """A camera to look at splats with."""

    viewmat: Tensor
    """World to camera [4, 4], OpenCV axes."""
    K: Tensor
    """[3, 3], pixels."""
    width: int
    height: int


def vote(splats: Splats, cameras: Sequence[PosedPinhole], masks: Sequence[Tensor]) -> Tensor:
    """How much of what is seen of each Gaussian lies inside the masks.

    A Gaussian's weight in a pixel is T alpha; its share is the sum of its weights over masked pixels, divided by that
    over all pixels of all views.

    Args:
        masks: [H, W] bool, one for each camera.

    Returns:
        [N] in 0..1; 0 for what no camera sees.
    """
    inside, seen = torch.zeros(len(splats)), torch.zeros(len(splats))
    for camera, mask in zip(cameras, masks, strict=True):
        if tuple(mask.shape) != (camera.height, camera.width):
            raise ValueError(f"Expected a mask of {camera.height}x{camera.width}, got {tuple(mask.shape)}.")
        # the picture is linear in the colours: the gradient of a sum over pixels is the sum of a Gaussian's weights
        colors = torch.zeros(len(splats), 2, device=splats.device, requires_grad=True)
        picture, _ = _draw(splats, camera, colors)
        upstream = torch.stack([mask.to(picture), torch.ones_like(picture[..., 0])], -1)
        (weights,) = torch.autograd.grad(picture, colors, upstream)
        inside += weights[:, 0].cpu()
        seen += weights[:, 1].cpu()
    return torch.where(seen > 0, inside / seen.clamp_min(1e-12), seen).to(splats.device)


def delete(splats: Splats, chosen: Tensor) -> Splats:
    """Everything but the chosen ones; `chosen` [N] bool."""
    return select(splats, ~chosen)


def duplicate(splats: Splats, chosen: Tensor, offset: Tensor) -> Splats:
    """Everything, and copies of the chosen ones moved by `offset` [3]."""
    copies = select(splats, chosen)
    return concatenate([splats, replace(copies, means=copies.means + offset.to(copies.means))])


def recolor(splats: Splats, chosen: Tensor, color: Tensor, strength: float = 1.0) -> Splats:
    """Bring the chosen ones' colour towards `color` [3] in 0..1; their light and shade across them stays.

    The constant part of each one's colour becomes (1 - strength) own + strength (color + own - mean), the mean being
    that of all chosen ones, by opacity.
    """
    own = 0.5 + SH_C0 * splats.sh[chosen, 0]
    weights = splats.opacities[chosen, None]
    mean = (own * weights).sum(0) / weights.sum().clamp_min(1e-12)
    wanted = own + strength * (color.to(own) - mean)
    sh = splats.sh.clone()
    sh[chosen, 0] = (wanted.clamp(0.0, 1.0) - 0.5) / SH_C0
    return replace(splats, sh=sh)


@torch.no_grad()
def holes(before: Splats, after: Splats, cameras: Sequence[PosedPinhole]) -> list[Tensor]:
    """Pixels that were covered and no longer are, one mask [H, W] bool a camera: what is left to be filled."""
    found = []
    for camera in cameras:
        (_, was), (_, now) = (_draw(s, camera, torch.zeros(len(s), 1, device=s.device)) for s in (before, after))
        found.append((was >= _OPAQUE) & (now < _OPAQUE))
    return found


def _draw(splats: Splats, camera: PosedPinhole, colors: Tensor) -> tuple[Tensor, Tensor]:
    picture, accumulation, _ = rasterization(
        splats.means, splats.quats, splats.scales, splats.opacities, colors,
        camera.viewmat[None].to(splats.means), camera.K[None].to(splats.means), camera.width, camera.height,
        packed=False,
    )  # fmt: skip
    return picture[0], accumulation[0, ..., 0]
