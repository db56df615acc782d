"""LPIPS as a part of the loss, where its weights are on this machine."""

from __future__ import annotations

from collections.abc import Callable

from nerfstudio.utils.rich_utils import CONSOLE
from torch import Tensor

from editor3d.metrics.image import lpips_loss, lpips_weights
from editor3d.metrics.unavailable import Unavailable
from editor3d.run.events import Warning, emit

LPIPS_PATCH = 32
"""Side of the patches that it compares, as in Instruct-NeRF2NeRF."""


def lpips_term() -> tuple[Callable[[Tensor, Tensor], Tensor] | None, str]:
    """The loss of patches [B, 3, H, W] in 0..1, or None, which is said; and what became of it, for the record."""
    weights = lpips_weights()
    if isinstance(weights, Unavailable):
        notice = "LPIPS is left out of the loss: its weights are not here (see editor3d doctor)."
        CONSOLE.print(notice, soft_wrap=True)
        emit(Warning(sentence=notice))
        return None, f"left out: {weights.reason}"
    return lpips_loss, "used"


def as_patches(pixels: Tensor, size: int) -> Tensor:
    """Rays [B * size * size, 3], which come in patches, or a whole picture [H, W, 3], as [B, 3, H, W]."""
    return (pixels[None] if pixels.ndim == 3 else pixels.view(-1, size, size, 3)).permute(0, 3, 1, 2)
