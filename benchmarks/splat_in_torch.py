"""Gaussian splatting in plain torch, on all its threads: what a CPU does without compiled kernels.

Written to be as fast as torch allows: tiles with lists of like length are composited together, a stretch of the lists
at a time, and a group of tiles is left as soon as all its pixels are finished. Each group's backward pass runs at once,
so that no graph of the whole picture is kept.
"""

from __future__ import annotations

import torch
from gsplat.cuda._torch_impl import _fully_fused_projection, _quat_scale_to_covar_preci
from torch import Tensor

from gaussian.raster.kernels import ALPHA_MAX, ALPHA_MIN, T_MIN, TILE

_GROUP = 32  # tiles composited together
_STRETCH = 64  # Gaussians of their lists at a time


def forward_and_backward(parameters: tuple[Tensor, ...], viewmat: Tensor, K: Tensor, v_image: Tensor):
    """Render a picture and hand `v_image` back to all parameters.

    Args:
        parameters: means [N, 3], quats [N, 4], scales [N, 3], opacities [N], colors [N, 3], which take gradients.
        viewmat, K: [4, 4] and [3, 3].
        v_image: [H, W, 3], the gradient of the picture.

    Returns:
        The picture [H, W, 3], and how many times a Gaussian was blended into a pixel.
    """
    means, quats, scales, opacities, colors = parameters
    height, width = v_image.shape[:2]
    covars, _ = _quat_scale_to_covar_preci(quats, scales, compute_preci=False)
    radii, means2d, depths, conics, _ = _fully_fused_projection(means, covars, viewmat[None], K[None], width, height)
    visible = (radii[0] > 0).nonzero()[:, 0]
    projected = [means2d[0, visible], conics[0, visible], opacities[visible], colors[visible]]
    tiles_x, tiles_y = -(-width // TILE), -(-height // TILE)
    with torch.no_grad():
        starts, ids = _tile_lists(projected[0], radii[0, visible], depths[0, visible], tiles_x, tiles_y)
        padded = v_image.new_zeros(tiles_y * TILE, tiles_x * TILE, 3)
        padded[:height, :width] = v_image
        v_tiles = padded.view(tiles_y, TILE, tiles_x, TILE, 3).transpose(1, 2).reshape(-1, TILE * TILE, 3)
    leaves = [tensor.detach().requires_grad_() for tensor in projected]
    images = torch.zeros_like(v_tiles)
    lengths = starts.diff()
    blends = 0
    for group in lengths.argsort(descending=True).split(_GROUP):
        group = group[lengths[group] > 0]
        if len(group):
            images[group], count = _composite(leaves, group, starts, ids, tiles_x, v_tiles[group])
            blends += count
    torch.autograd.backward(projected, [leaf.grad for leaf in leaves])
    picture = images.view(tiles_y, tiles_x, TILE, TILE, 3).transpose(1, 2).reshape(tiles_y * TILE, tiles_x * TILE, 3)
    return picture[:height, :width], blends


def _tile_lists(means2d: Tensor, radii: Tensor, depths: Tensor, tiles_x: int, tiles_y: int) -> tuple[Tensor, Tensor]:
    """Where each tile's list begins [tiles + 1], and the Gaussians of all lists, from near to far."""
    limit = torch.tensor([tiles_x, tiles_y])
    low = ((means2d - radii[:, None]) / TILE).floor().long().clamp_min(0).minimum(limit)
    high = ((means2d + radii[:, None]) / TILE).ceil().long().clamp_min(0).minimum(limit)
    order = depths.argsort()
    spans = (high - low)[order]
    counts = spans.prod(1)
    which = order.repeat_interleave(counts)
    within = torch.arange(len(which)) - (counts.cumsum(0) - counts).repeat_interleave(counts)
    wide = spans[:, 0].repeat_interleave(counts)
    column, row = low[which, 0] + within % wide, low[which, 1] + within // wide
    tile = row * tiles_x + column
    by_tile = tile.argsort(stable=True)
    starts = torch.zeros(tiles_x * tiles_y + 1, dtype=torch.long)
    starts[1:] = torch.bincount(tile, minlength=tiles_x * tiles_y).cumsum(0)
    return starts, which[by_tile]


def _composite(leaves: list[Tensor], group: Tensor, starts: Tensor, ids: Tensor, tiles_x: int, v_tiles: Tensor):
    """Pictures [G, 256, 3] of a group of tiles, and the blends; gradients are added to the leaves."""
    first, lengths = starts[group], starts[group + 1] - starts[group]
    inside = torch.arange(TILE) + 0.5
    x = (group % tiles_x * TILE)[:, None] + inside.repeat(TILE)
    y = (group // tiles_x * TILE)[:, None] + inside.repeat_interleave(TILE)
    through = torch.ones(len(group), TILE * TILE)
    going = torch.ones_like(through, dtype=torch.bool)
    picture = torch.zeros(len(group), TILE * TILE, 3)
    blends = 0
    for at in range(0, int(lengths.max()), _STRETCH):
        slots = torch.arange(at, min(at + _STRETCH, int(lengths.max())))
        used = slots < lengths[:, None]
        chosen = ids[torch.where(used, first[:, None] + slots, first[:, None])]
        means2d, conics, opacities, colors = (leaf[chosen] for leaf in leaves)
        dx, dy = means2d[..., 0, None] - x[:, None], means2d[..., 1, None] - y[:, None]
        a, b, c = (part[..., None] for part in conics.unbind(-1))
        sigma = 0.5 * (a * dx * dx + c * dy * dy) + b * dx * dy
        alpha = (opacities[..., None] * torch.exp(-sigma)).clamp_max(float(ALPHA_MAX))
        alpha = torch.where((alpha >= float(ALPHA_MIN)) & used[..., None], alpha, 0.0)
        after = through[:, None] * torch.cumprod(1 - alpha, 1)
        drawn = (after > float(T_MIN)) & going[:, None]
        before = torch.cat([through[:, None], after[:, :-1]], 1)
        weights = torch.where(drawn, alpha * before, 0.0)
        picture = picture + torch.einsum("glp,glc->gpc", weights, colors)
        with torch.no_grad():
            blends += int(((alpha > 0) & drawn).sum())
            going = drawn[:, -1]
        through = after[:, -1]
        if not bool(going.any()):
            break
    (picture * v_tiles).sum().backward()
    return picture.detach(), blends
