"""The metrics and pictures that nerfstudio logs when it compares a view with its photograph."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from nerfstudio.utils import colormaps
from torch import Tensor

from editor3d.metrics.image import psnr, ssim


def judged(outputs: Mapping[str, Tensor], photograph: Tensor) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Scores and pictures of one view.

    Args:
        outputs: rgb [H, W, 3] in 0..1, accumulation [H, W, 1] and depth [H, W, 1].
        photograph: [H, W, 3 or 4] in 0..1.

    Returns:
        PSNR in dB and SSIM; the photograph beside the render, and the other outputs in colours.
    """
    rgb = outputs["rgb"]
    truth = photograph.to(rgb.device)[..., :3]
    images = {
        "img": torch.cat([truth, rgb], dim=1),
        "accumulation": colormaps.apply_colormap(outputs["accumulation"]),
        "depth": colormaps.apply_depth_colormap(outputs["depth"], accumulation=outputs["accumulation"]),
    }
    return {"psnr": psnr(rgb, truth), "ssim": ssim(rgb, truth)}, images
