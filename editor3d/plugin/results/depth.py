"""Colour depth maps for display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib import colormaps
from nerfstudio.cameras.cameras import Cameras
from torch import Tensor

from editor3d.plugin.train.pipeline import PluginPipeline

_SAMPLED_CAMERAS = 8
_STRIDE = 4
_OPAQUE = 0.5
_NEAREST = 1e-3


def disparity_range(pipeline: PluginPipeline, cameras: Cameras, which: Sequence[int]) -> tuple[float, float]:
    """The least and greatest disparity (1 / distance) of what is seen, leaving out 1 % at each end.

    Args:
        which: indices of the cameras that will be shown; up to eight of them are looked at.
    """
    chosen = np.unique(np.linspace(0, len(which) - 1, _SAMPLED_CAMERAS).round().astype(int))
    seen = []
    for place in chosen:
        outputs = pipeline.render_view(cameras, which[place], ("accumulation", "depth"))
        near = _disparity(outputs)[::_STRIDE, ::_STRIDE]
        seen.append(near[outputs["accumulation"][::_STRIDE, ::_STRIDE, 0].cpu() > _OPAQUE])
    values = torch.cat(seen).numpy()
    if values.size == 0:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(values, (1, 99)))
    return low, max(high, low + 1e-6)


def color_depth(outputs: Mapping[str, Tensor], limits: tuple[float, float]) -> np.ndarray:
    """Outputs [H, W, C] of one view as a picture of depth, red near and blue far, black where nothing is: [H, W, 3]."""
    low, high = limits
    share = ((_disparity(outputs) - low) / (high - low)).clamp(0.0, 1.0).numpy()
    return colormaps["turbo"](share)[..., :3] * outputs["accumulation"].clamp(0.0, 1.0).cpu().numpy()


def _disparity(outputs: Mapping[str, Tensor]) -> Tensor:
    return 1.0 / outputs["depth"][..., 0].cpu().clamp(min=_NEAREST)
