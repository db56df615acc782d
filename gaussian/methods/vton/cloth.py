"""Prepare the garment's Gaussians for another cloth: fine enough for its pattern, and alike from all sides.

A plain shirt is made of few large Gaussians, into which no stripe fits, and its view-dependent colour is that of the
old cloth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from gsplat.strategy.ops import split
from scipy.spatial import KDTree
from torch import Tensor

from gaussian.draw.selection import PosedPinhole
from gaussian.model.model import SplatModel
from gaussian.raster.rasterize import rasterization
from gaussian.splats import SH_C0, Splats

FINE = 1.6
"""Pixels, in the views it is seen in, that the standard deviation of a Gaussian of cloth may have."""
ROUNDS = 4
MOST = 3.0
"""Cloth is split into at most so many times its Gaussians."""
LEAST_SEEN = 0.05
"""Pixels."""
_SEED = 1


@torch.no_grad()
def make_ready(model: SplatModel, optimizers: Mapping[str, torch.optim.Optimizer], pixel: float) -> int:
    """Split what is too large among the Gaussians that are free to change.

    Args:
        optimizers: that hold the parameters, by name.
        pixel: size of a picture's pixel where the person stands, scene units.

    Returns:
        How many Gaussians were added.
    """
    state, params = model.strategy_state, model.gauss_params
    before = model.num_points
    room = int(MOST * int((~state["frozen"]).sum()))
    with torch.random.fork_rng(devices=[params["means"].device] if params["means"].is_cuda else []):
        torch.manual_seed(_SEED)
        for _ in range(ROUNDS):
            largest = params["scales"].exp().amax(-1)
            wide = (largest > FINE * pixel) & ~state["frozen"]
            left = room - (model.num_points - before)
            if left <= 0 or not bool(wide.any()):
                break
            if int(wide.sum()) > left:
                kept = torch.where(wide, largest, -1.0).argsort(descending=True, stable=True)[:left]
                wide = torch.zeros_like(wide).index_fill(0, kept, True)
            split(params=params, optimizers=dict(optimizers), state=state, mask=wide)
    return model.num_points - before


@torch.enable_grad()
def seen_colors(splats: Splats, views: Sequence[tuple[PosedPinhole, Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """The mean colour of the pixels that each Gaussian makes, weighted by how much of them it makes (T alpha).

    Args:
        views: for each camera, a picture [H, W, 3] in 0..1 on its pinhole, and which of its pixels count [H, W] bool.

    Returns:
        [N, 3] in 0..1, and the sum of weights [N], 0 where nothing is seen.
    """
    summed = torch.zeros(len(splats), 4)
    for camera, picture, counts in views:
        colors = torch.zeros(len(splats), 4, device=splats.device, requires_grad=True)
        drawn, _, _ = rasterization(
            splats.means, splats.quats, splats.scales, splats.opacities, colors,
            camera.viewmat[None].to(splats.means), camera.K[None].to(splats.means), camera.width, camera.height,
            near_plane=camera.near, packed=False,
        )  # fmt: skip
        counted = counts[..., None].to(drawn)
        # the picture is linear in the colours: the gradient of a weighted sum over pixels is what is looked for
        upstream = torch.cat([picture.to(drawn) * counted, counted], -1)
        (weights,) = torch.autograd.grad(drawn[0], colors, upstream)
        summed += weights.cpu()
    return summed[:, :3] / summed[:, 3:].clamp_min(1e-12), summed[:, 3]


@torch.no_grad()
def paint(model: SplatModel, colors: Tensor, seen: Tensor) -> None:
    """Give the Gaussians that are free to change these colours, the same from all sides.

    Args:
        colors: [N, 3] in 0..1.
        seen: [N]; what is seen less than `LEAST_SEEN` of gets the colour of the nearest that is seen more of.
    """
    params, free = model.gauss_params, ~model.strategy_state["frozen"]
    known = free.cpu() & (seen > LEAST_SEEN)
    if not bool(known.any()):
        return
    means = params["means"].detach().cpu().numpy()
    places = known.nonzero()[:, 0]
    nearest = places[torch.from_numpy(KDTree(means[known.numpy()]).query(means[free.cpu().numpy()])[1])]
    params["features_dc"].data[free] = ((colors[nearest] - 0.5) / SH_C0).to(params["features_dc"])
    params["features_rest"].data[free] = 0.0
