"""Gaussian splats: files, rasterization, model and the nerfstudio methods on them.

    pictures, accumulation, meta = gaussian.rasterization(means, quats, scales, opacities, colors, viewmats, Ks, w, h)

with gsplat's arguments and results, on a CPU as well. Importing this module imports neither torch nor numba.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gaussian.raster.rasterize import rasterization as rasterization

__all__ = ["rasterization"]


def __getattr__(name: str) -> Any:
    if name == "rasterization":
        from gaussian.raster.rasterize import rasterization

        return rasterization
    raise AttributeError(f"module 'gaussian' has no attribute {name!r}")
