"""Polygons of any shape are filled once, wound as they were."""

from __future__ import annotations

import numpy as np
import pytest

from mesh.io.common.polygons import triangulated

CONCAVE = {
    "arrow": [(0, 0), (4, 0), (1, 1), (0, 4)],
    "arrow from another corner": [(4, 0), (1, 1), (0, 4), (0, 0)],
    "two ears": [(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)],
    "comb": [(0, 0), (6, 0), (6, 3), (5, 1), (4, 3), (3, 1), (2, 3), (1, 1), (0, 3)],
    "convex": [(0, 0), (2, 0), (3, 1), (2, 2), (0, 2)],
}


def shoelace(outline):
    x, y = np.array(outline, float).T
    return 0.5 * (x * np.roll(y, -1) - y * np.roll(x, -1)).sum()


@pytest.mark.parametrize("name", CONCAVE)
@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
@pytest.mark.parametrize("turned", [False, True])
def test_every_part_of_a_polygon_is_covered_once(name, axes, turned):
    outline = CONCAVE[name][::-1] if turned else CONCAVE[name]
    points = np.column_stack([np.array(outline, float), np.zeros(len(outline))])[:, axes]
    triangles, owner = triangulated(points, np.arange(len(points)), np.array([len(points)]))
    normal = np.array([0.0, 0.0, 1.0])[list(axes)]
    corners = points[triangles]
    areas = 0.5 * np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) @ normal
    assert np.abs(areas).sum() == pytest.approx(abs(shoelace(outline)))
    assert (np.sign(areas) == (-1 if turned else 1)).all()
    assert (owner == 0).all()


def test_polygons_of_many_sizes_keep_their_order():
    points = np.random.default_rng(0).random((20, 3))
    sizes = np.array([4, 2, 3, 0, 5, 4])
    triangles, owner = triangulated(points, np.arange(18), sizes)
    assert owner.tolist() == [0, 0, 2, 4, 4, 4, 5, 5]
    starts = np.cumsum(sizes) - sizes
    assert ((triangles >= starts[owner][:, None]) & (triangles < (starts + sizes)[owner][:, None])).all()


def test_what_is_not_finite_or_too_large_is_a_fan():
    points = np.random.default_rng(0).random((3000, 3))
    points[1] = np.nan
    for count in (6, 3000):
        triangles, _ = triangulated(points, np.arange(count), np.array([count]))
        assert np.array_equal(triangles[:, 0], np.zeros(count - 2))
