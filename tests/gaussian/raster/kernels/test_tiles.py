"""Which Gaussian is listed in which tile: every one that a pixel needs, in the order of depth."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from gsplat.cuda._torch_impl import _isect_offset_encode, _isect_tiles

from gaussian.raster.kernels import ALPHA_MIN, TILE
from gaussian.raster.kernels.tiles import depth_order
from gaussian.raster.rasterize import rasterization


def listed(meta: dict) -> list[list[list[int]]]:
    """For each camera and tile the Gaussians in its list, in order."""
    cameras, n = meta["radii"].shape
    starts = meta["isect_offsets"].flatten().tolist() + [len(meta["flatten_ids"])]
    ids = (meta["flatten_ids"] % n).tolist()
    tiles = meta["tile_width"] * meta["tile_height"]
    lists = [ids[start:end] for start, end in zip(starts[:-1], starts[1:], strict=True)]
    return [lists[camera * tiles : (camera + 1) * tiles] for camera in range(cameras)]


@pytest.mark.parametrize("seed", range(4))
def test_every_pixel_finds_what_touches_it(scene_of, reference, seed):
    scene = scene_of(120, width=75, height=50, cameras=2, seed=seed)
    _, _, meta = rasterization(*scene.arguments, packed=False)
    wanted = reference(scene.leaves(torch.float64))
    tiles_x = meta["tile_width"]
    assert (tiles_x, meta["tile_height"], meta["tile_size"]) == (5, 4, TILE)
    pairs = 0
    for camera, lists in enumerate(listed(meta)):
        touched = wanted.touched[camera].view(scene.height, scene.width, -1)
        for tile, found in enumerate(lists):
            top, left = tile // tiles_x * TILE, tile % tiles_x * TILE
            needed = touched[top : top + TILE, left : left + TILE].flatten(0, 1).any(0).nonzero().flatten().tolist()
            assert set(needed) <= set(found)
            assert len(set(found)) == len(found)
            pairs += len(needed)
    total = len(meta["flatten_ids"])
    assert pairs <= total <= 1.25 * pairs  # and few that no pixel needs


@pytest.mark.parametrize("seed", range(4))
def test_lists_are_parts_of_gsplats_and_in_its_order(scene_of, seed):
    scene = scene_of(60, width=75, height=50, cameras=2, seed=seed)
    _, _, meta = rasterization(*scene.arguments, packed=False)
    tiles_x, tiles_y = meta["tile_width"], meta["tile_height"]
    _, isect_ids, flatten_ids = _isect_tiles(meta["means2d"], meta["radii"], meta["depths"], TILE, tiles_x, tiles_y)
    offsets = _isect_offset_encode(isect_ids, len(scene.viewmats), tiles_x, tiles_y)
    theirs = listed({**meta, "flatten_ids": flatten_ids, "isect_offsets": offsets})
    # gsplat's square is three sigma; an opaque Gaussian is seen a little further
    within = scene.opacities <= ALPHA_MIN * math.exp(4.5)
    compared = 0
    for mine, right in zip(listed(meta), theirs, strict=True):
        for found, wide in zip(mine, right, strict=True):
            covered = [i for i in found if within[i]]
            assert [i for i in wide if i in set(covered)] == covered
            compared += len(covered)
    assert compared > 50


def test_counts_and_offsets_agree(scene_of):
    scene = scene_of(200, width=75, height=50, cameras=3, seed=5)
    _, _, meta = rasterization(*scene.arguments, packed=False)
    found = listed(meta)
    counts = torch.zeros(3, 200, dtype=torch.int32)
    for camera, lists in enumerate(found):
        for tile in lists:
            counts[camera, tile] += 1
            depths = meta["depths"][camera, tile]
            assert (depths.diff() >= 0).all()
    assert torch.equal(counts, meta["tiles_per_gauss"])
    assert (meta["flatten_ids"] // 200).diff().min() >= 0  # camera by camera


def test_depth_order_is_a_stable_sort():
    rng = np.random.default_rng(0)
    depths = np.exp(rng.normal(size=5000) * 5).astype(np.float32)
    depths[rng.integers(0, 5000, 2000)] = 1.0
    visible = np.flatnonzero(rng.random(5000) < 0.7).astype(np.int32)
    wanted = visible[np.argsort(depths[visible], kind="stable")]
    np.testing.assert_array_equal(depth_order(depths, visible), wanted)
    assert len(depth_order(depths, visible[:0])) == 0
