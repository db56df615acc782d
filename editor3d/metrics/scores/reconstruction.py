"""Measure how far a reconstruction is from the photographs, before it is edited: the floor of every other score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from editor3d.metrics.image import SSIM_MIN_SIDE, psnr, ssim
from editor3d.metrics.views import HeldOutView, mean


@dataclass(frozen=True)
class Reconstruction:
    """Means over views, of renders before the edit to photographs."""

    psnr: float
    """dB."""
    ssim: float | None
    """-1..1; None for pictures smaller than its window."""
    rmse: float
    """sqrt(mean((render - photo)^2)), 0..1."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def measure_reconstruction(views: Sequence[HeldOutView]) -> Reconstruction:
    """Compare the renders before the edit with the photographs, view by view; at least one."""
    large = [view for view in views if min(view.photo.shape[:2]) >= SSIM_MIN_SIDE]
    errors = [(view.base_render.double() - view.photo.double()).square().mean().sqrt().item() for view in views]
    return Reconstruction(
        psnr=sum(psnr(view.base_render, view.photo) for view in views) / len(views),
        ssim=mean([ssim(view.base_render, view.photo) for view in large]),
        rmse=sum(errors) / len(errors),
    )
