"""Unwrap a mesh: texture coordinates by which every surface point has its own texel."""

from __future__ import annotations

import numpy as np

from mesh.bake.texels import covering
from mesh.surface import Surface

_PROBE = 1024
"""Texels of a side by which overlaps are looked for."""
_OVERLAP = 0.002
"""Share of the covered texels that may be covered twice: borders that touch."""
_MARGIN = 1e-6


def own_places(surface: Surface) -> tuple[np.ndarray, bool]:
    """The surface's own coordinates [F, 3, 2] where they serve, else new ones of xatlas; and whether they are its own.

    Its own serve where all faces lie in the unit square and no two share a place there.
    """
    uvs = surface.uvs
    if uvs is not None and _inside(uvs) and not _overlapping(uvs):
        return uvs, True
    return unwrapped(surface), False


def unwrapped(surface: Surface) -> np.ndarray:
    """New coordinates [F, 3, 2] float32 in 0..1 by xatlas: charts packed side by side."""
    import xatlas

    low = surface.vertices.min(axis=0)
    unit = (surface.vertices - low) / np.ptp(surface.vertices, axis=0).max()  # xatlas works in 32 bits
    atlas = xatlas.Atlas()
    atlas.add_mesh(unit.astype(np.float32), surface.faces.astype(np.uint32))
    charts = xatlas.ChartOptions()
    charts.max_iterations = 1
    packing = xatlas.PackOptions()
    packing.padding, packing.resolution, packing.bruteForce = 2, _PROBE, False
    atlas.generate(chart_options=charts, pack_options=packing)
    _, indices, uvs = atlas[0]
    return np.ascontiguousarray(uvs[indices], np.float32)


def _inside(uvs: np.ndarray) -> bool:
    return bool(np.isfinite(uvs).all() and uvs.min() >= -_MARGIN and uvs.max() <= 1.0 + _MARGIN)


def _overlapping(uvs: np.ndarray) -> bool:
    """Whether the triangles cover texels twice, or hardly any (all at one place)."""
    sides = uvs[:, 1:] - uvs[:, :1]
    area = 0.5 * np.abs(sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0])
    covered = int((covering(uvs, _PROBE)[0] >= 0).sum()) / _PROBE**2
    flat = float((area < 1e-12).mean())
    return flat > 0.01 or area.sum() - covered > _OVERLAP + 0.02 * covered
