"""The compiled loops as differentiable torch functions on CPU tensors. Notation: `gaussian.raster.kernels`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from gaussian.raster.kernels import TILE, composite, harmonics, project, tiles

CHANNELS = 3
"""Channels that one pass composites."""


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


class Project(torch.autograd.Function):
    """means, quats, scales, viewmats -> means2d [C, N, 2], depths [C, N], conics [C, N, 3], radii [C, N] int32,
    compensations [C, N], and the conics' determinants [C, N], which take no gradient."""

    @staticmethod
    def forward(ctx, means, quats, scales, viewmats, Ks, width, height, near, far, eps2d, radius_clip):
        cameras, n = len(viewmats), len(means)
        means2d, conics = np.empty((cameras, n, 2), np.float32), np.empty((cameras, n, 3), np.float32)
        depths, compensations, determinants = (np.empty((cameras, n), np.float32) for _ in range(3))
        radii = np.empty((cameras, n), np.int32)
        scene = [_array(tensor) for tensor in (means, quats, scales)]
        views, lenses = _array(viewmats), _array(Ks)
        limits = [np.float32(value) for value in (near, far, eps2d, radius_clip)]
        for c in range(cameras):
            project.project(
                *scene, views[c], lenses[c], width, height, *limits,
                means2d[c], depths[c], conics[c], radii[c], compensations[c], determinants[c],
            )  # fmt: skip
        ctx.scene, ctx.views, ctx.lenses, ctx.size, ctx.eps2d = scene, views, lenses, (width, height), limits[2]
        ctx.radii = radii
        arrays = (means2d, depths, conics, radii, compensations, determinants)
        results = tuple(torch.from_numpy(array) for array in arrays)
        ctx.mark_non_differentiable(results[3], results[5])
        ctx.set_materialize_grads(False)
        return results

    @staticmethod
    @once_differentiable
    def backward(ctx, v_means2d, v_depths, v_conics, _, v_compensations, __):
        cameras, n = ctx.radii.shape
        totals: list[np.ndarray] | None = None
        v_viewmats = np.zeros((cameras, 4, 4), np.float32)
        given = [
            np.zeros((cameras, n, *tail), np.float32) if gradient is None else _array(gradient)
            for gradient, tail in ((v_means2d, (2,)), (v_depths, ()), (v_conics, (3,)), (v_compensations, ()))
        ]
        for c in range(cameras):
            gradients = [np.empty_like(array) for array in ctx.scene]
            by_block = np.empty((project.blocks_of(n), 3, 4), np.float32)
            project.project_backward(
                *ctx.scene, ctx.views[c], ctx.lenses[c], *ctx.size, ctx.eps2d, ctx.radii[c],
                *(array[c] for array in given), *gradients, by_block,
            )  # fmt: skip
            v_viewmats[c, :3] = by_block.sum(0)
            totals = gradients if totals is None else [a + b for a, b in zip(totals, gradients, strict=True)]
        assert totals is not None  # there is a camera
        return (*(torch.from_numpy(array) for array in totals), torch.from_numpy(v_viewmats), *(None,) * 7)


class Harmonics(torch.autograd.Function):
    """means, eyes [C, 3], sh [N, K, 3] or [C, N, K, 3], radii [C, N] -> colours [C, N, 3]."""

    @staticmethod
    def forward(ctx, means, eyes, sh, radii, degree):
        ctx.arrays = [_array(tensor) for tensor in (means, eyes, sh, radii)]
        ctx.degree = degree
        points, places, coefficients, sizes = ctx.arrays
        colors = np.empty((len(places), len(points), 3), np.float32)
        for c in range(len(places)):
            harmonics.colors_of(points, places[c], _of_camera(coefficients, c), degree, sizes[c], colors[c])
        return torch.from_numpy(colors)

    @staticmethod
    @once_differentiable
    def backward(ctx, v_colors):
        means, eyes, sh, radii = ctx.arrays
        given = _array(v_colors)
        v_sh, v_means = np.zeros_like(sh), np.zeros_like(means)
        v_eyes = np.zeros_like(eyes)
        for c in range(len(eyes)):
            sh_part, means_part = np.empty_like(_of_camera(sh, c)), np.empty_like(means)
            harmonics.colors_backward(
                means, eyes[c], _of_camera(sh, c), ctx.degree, radii[c], given[c], sh_part, means_part
            )
            if sh.ndim == 4:
                v_sh[c] = sh_part
            else:
                v_sh = sh_part if c == 0 else v_sh + sh_part
            v_means = means_part if c == 0 else v_means + means_part
            v_eyes[c] = -means_part.sum(0)
        return torch.from_numpy(v_means), torch.from_numpy(v_eyes), torch.from_numpy(v_sh), None, None


def _of_camera(array: np.ndarray, camera: int) -> np.ndarray:
    return array[camera] if array.ndim == 4 else array


@dataclass
class TileLists:
    """One camera's Gaussians as compositing needs them; `gaussian.raster.kernels.tiles` says what each is."""

    sources: np.ndarray
    records: np.ndarray
    tile_offsets: np.ndarray
    ids: np.ndarray
    slots: np.ndarray
    slot_offsets: np.ndarray
    tiles_x: int
    tiles_y: int


def tile_lists(
    means2d, conics, determinants, opacities, colors, depths, radii, width: int, height: int
) -> TileLists:  # fmt: skip
    """Sort one camera's Gaussians into tiles. All arrays [N, ...] float32; `radii` [N] int32, `colors` [N, 3]."""
    n = len(means2d)
    tiles_x, tiles_y = -(-width // TILE), -(-height // TILE)
    records = np.empty((n, tiles.RECORD), np.float32)
    bounds, reached = np.empty((n, 4), np.int32), np.empty(n, np.int32)
    tiles.make_records(means2d, conics, determinants, opacities, colors, radii, width, height, records, bounds, reached)
    order = tiles.depth_order(depths, np.flatnonzero(reached).astype(np.int32))
    near_to_far, near_to_far_bounds = (
        np.empty((len(order), tiles.RECORD), np.float32),
        np.empty((len(order), 4), np.int32),
    )
    tiles.gather(order, records, bounds, near_to_far, near_to_far_bounds)
    found = tiles.intersect(near_to_far, near_to_far_bounds, tiles_x, tiles_y)
    return TileLists(order, near_to_far, *found, tiles_x, tiles_y)


class Composite(torch.autograd.Function):
    """means2d, conics, colours [C, N, D], opacities [C, N], backgrounds [C, D] -> picture [C, H, W, D] and accumulation
    [C, H, W, 1].

    With `absgrad` the backward pass leaves the sums of absolute gradients in `means2d.absgrad` [C, N, 2], as gsplat's.
    `lists` is filled with the `TileLists` of each camera.
    """

    @staticmethod
    def forward(
        ctx, means2d, conics, colors, opacities, backgrounds, depths, radii, determinants, width, height, absgrad, lists
    ):  # fmt: skip
        cameras, n, channels = colors.shape
        chunks = max(1, -(-channels // CHANNELS))
        planes = np.zeros((chunks, cameras, n, CHANNELS), np.float32)
        behind = np.zeros((chunks, cameras, CHANNELS), np.float32)
        for chunk in range(chunks):
            part = slice(chunk * CHANNELS, min(channels, (chunk + 1) * CHANNELS))
            width_of = part.stop - part.start
            planes[chunk, :, :, :width_of] = colors.detach()[..., part].numpy()
            behind[chunk, :, :width_of] = backgrounds.detach()[..., part].numpy()
        points, shapes, opaque = _array(means2d), _array(conics), _array(opacities)
        far, sizes, areas = _array(depths), _array(radii), _array(determinants)
        images = np.empty((chunks, cameras, height, width, CHANNELS), np.float32)
        transmittance = np.empty((cameras, height, width), np.float32)
        for c in range(cameras):
            found = tile_lists(
                points[c], shapes[c], areas[c], opaque[c], planes[0, c], far[c], sizes[c], width, height
            )  # fmt: skip
            lists.append(found)
            for chunk in range(chunks):
                _set_colors(found, planes[chunk, c], chunks)
                composite.composite(
                    found.records, found.tile_offsets, found.ids, width, height, found.tiles_x, behind[chunk, c],
                    images[chunk, c], transmittance[c],
                )  # fmt: skip
        ctx.means2d, ctx.lists, ctx.planes, ctx.images, ctx.transmittance = (
            means2d,
            lists,
            planes,
            images,
            transmittance,
        )
        ctx.absgrad, ctx.channels, ctx.needs_background = absgrad, channels, backgrounds.requires_grad
        joined = images[0] if chunks == 1 else np.concatenate(list(images), -1)
        return torch.from_numpy(joined[..., :channels]), torch.from_numpy(1.0 - transmittance[..., None])

    @staticmethod
    @once_differentiable
    def backward(ctx, v_image, v_accumulation):
        chunks, cameras, n, _ = ctx.planes.shape
        height, width = ctx.transmittance.shape[1:]
        v_planes = np.zeros((chunks, cameras, height, width, CHANNELS), np.float32)
        for chunk in range(chunks):
            part = v_image[..., chunk * CHANNELS : (chunk + 1) * CHANNELS]
            v_planes[chunk, ..., : part.shape[-1]] = part.numpy()
        v_alpha = _array(v_accumulation)[..., 0]
        nothing = np.zeros((height, width), np.float32)
        v_means2d, v_conics = np.zeros((cameras, n, 2), np.float32), np.zeros((cameras, n, 3), np.float32)
        v_opacities = np.zeros((cameras, n), np.float32)
        v_colors = np.zeros((chunks, cameras, n, CHANNELS), np.float32)
        v_absolute = np.zeros((cameras, n if ctx.absgrad else 0, 2), np.float32)
        columns = composite.ABSOLUTE_SHARES if ctx.absgrad else composite.SHARES
        for c in range(cameras):
            found = ctx.lists[c]
            for chunk in range(chunks):
                _set_colors(found, ctx.planes[chunk, c], chunks)
                shares = np.empty((len(found.ids), columns), np.float32)
                composite.composite_backward(
                    found.records, found.tile_offsets, found.ids, found.slots, width, height, found.tiles_x,
                    ctx.images[chunk, c], ctx.transmittance[c], v_planes[chunk, c],
                    v_alpha[c] if chunk == 0 else nothing, ctx.absgrad, shares,
                )  # fmt: skip
                first = chunk == 0
                outputs = [
                    array[c] if first else np.zeros_like(array[c]) for array in (v_means2d, v_conics, v_opacities)
                ]
                absolute = v_absolute[c] if first else np.zeros_like(v_absolute[c])
                composite.gather_shares(
                    found.records,
                    found.sources,
                    found.slot_offsets,
                    shares,
                    ctx.absgrad,
                    *outputs,
                    v_colors[chunk, c],
                    absolute,
                )
                if not first:
                    for total, output in zip(
                        (v_means2d, v_conics, v_opacities, v_absolute), (*outputs, absolute), strict=True
                    ):
                        total[c] += output
        if ctx.absgrad:
            ctx.means2d.absgrad = torch.from_numpy(v_absolute)
        v_backgrounds = None
        if ctx.needs_background:
            # numpy adds in one order, where torch's depends on how many threads share the work
            seen = v_image.numpy() * ctx.transmittance[..., None]
            v_backgrounds = torch.from_numpy(seen.sum((1, 2), dtype=np.float64).astype(np.float32))
        joined = v_colors[0] if chunks == 1 else np.concatenate(list(v_colors), -1)
        v_color = torch.from_numpy(joined[..., : ctx.channels])
        gradients = (torch.from_numpy(v_means2d), torch.from_numpy(v_conics), v_color, torch.from_numpy(v_opacities))
        return (*gradients, v_backgrounds, *(None,) * 7)


def _set_colors(lists: TileLists, colors: np.ndarray, chunks: int) -> None:
    if chunks > 1:  # a single chunk's are there already
        lists.records[:, tiles.RED : tiles.BLUE + 1] = colors[lists.sources]
