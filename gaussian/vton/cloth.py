"""Making the Gaussians of what is worn ready for another cloth: fine enough for its pattern, and alike from all sides.

A plain shirt is made of few large Gaussians, into which no stripe fits, and its view-dependent colour is that of the
old cloth.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from gsplat.strategy.ops import split

from gaussian.model import SplatModel

FINE = 1.6
"""Pixels, in the views it is seen in, that the standard deviation of a Gaussian of cloth may have."""
ROUNDS = 4
MOST = 3.0
"""Cloth is split into at most so many times its Gaussians."""
_SEED = 1


@torch.no_grad()
def make_ready(model: SplatModel, optimizers: Mapping[str, torch.optim.Optimizer], pixel: float) -> int:
    """Split what is too large among the Gaussians that are free to change, and make their colours those of all sides.

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
            split(params=params, optimizers=optimizers, state=state, mask=wide)
    params["features_rest"].data[~state["frozen"]] = 0.0
    return model.num_points - before
