"""Measure how much an edit changed, where, and how much fine detail it kept. Needs no known result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from editor3d.metrics.image import SSIM_MIN_SIDE, luminance, psnr, ssim
from editor3d.metrics.views import HeldOutView, mean

DETAIL_SIGMA = 1.0
"""Pixels. What a Gaussian of this width removes is fine detail."""
_KERNEL = 7


@dataclass(frozen=True)
class ViewChange:
    """Of one view, or the mean of several. None where there is nothing to measure."""

    psnr: float | None
    """PSNR(base render, edited render), dB, inside the region where there is one: lower is a greater change."""
    ssim: float | None
    """SSIM(base render, edited render) of the whole picture, -1..1; None for pictures smaller than its window."""
    sharpness: float | None
    """Fine detail of the edited render over that of the base render, inside the region where there is one: below 1 the
    edit blurred it, or darkened it."""
    locality: float | None
    """PSNR(base render, edited render) outside the region, dB; None without a region."""
    bit_equal: float | None
    """Share of the pixels outside the region that are the same bits in both renders, 0..1."""
    base: float | None
    """PSNR(base render, photo) of the whole picture, dB: how good the reconstruction was."""


@dataclass(frozen=True)
class Change:
    """How far the edited scene is from the unedited one."""

    views: Mapping[str, ViewChange]
    mean: ViewChange
    """Mean of the per-view values that exist."""
    in_region: bool
    """Whether the change is measured inside a region (else over whole pictures)."""

    def to_json(self) -> dict[str, Any]:
        return {
            "in_region": self.in_region,
            "mean": asdict(self.mean),
            "views": {name: asdict(change) for name, change in self.views.items()},
        }


def measure_change(views: Sequence[HeldOutView]) -> Change:
    """Compare the renders before and after an edit, view by view."""
    changes = {view.name: _of_view(view) for view in views}
    means = {f.name: mean([getattr(change, f.name) for change in changes.values()]) for f in fields(ViewChange)}
    return Change(changes, ViewChange(**means), in_region=any(view.region is not None for view in views))


def fine_detail(picture: Float[Tensor, "h w 3"], mask: Bool[Tensor, "h w"] | None = None) -> float | None:
    """Energy of fine detail, mean((Y - G * Y)^2), with Y the luminance and G a Gaussian of `DETAIL_SIGMA`.

    Args:
        picture: [H, W, 3] in 0..1.
        mask: [H, W] bool; only its pixels count, of which there is at least one.

    Returns:
        At least 0; None for pictures smaller than the Gaussian.
    """
    if min(picture.shape[:2]) < _KERNEL:
        return None
    bright = luminance(picture)
    left = (bright - gaussian_blur(bright[None, None], [_KERNEL, _KERNEL], [DETAIL_SIGMA, DETAIL_SIGMA])[0, 0]).square()
    return (left if mask is None else left[mask]).mean().item()


def _of_view(view: HeldOutView) -> ViewChange:
    base, edited, kept = view.base_render, view.edited_render, view.kept
    changed = sharpness = None
    if view.sees_region:
        changed = psnr(base, edited, view.region)
        before, after = fine_detail(base, view.region), fine_detail(edited, view.region)
        sharpness = after / before if before and after is not None else None
    large = min(base.shape[:2]) >= SSIM_MIN_SIDE
    return ViewChange(
        psnr=changed,
        ssim=ssim(base, edited) if large else None,
        sharpness=sharpness,
        locality=None if kept is None else psnr(base, edited, kept),
        bit_equal=None if kept is None else (base == edited).all(-1)[kept].double().mean().item(),
        base=psnr(base, view.photo),
    )
