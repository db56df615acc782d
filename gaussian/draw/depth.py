"""Depth of the surfaces of a scene of Gaussians; thin haze in front does not count."""

from __future__ import annotations

import torch
from torch import Tensor

SLABS = 24
"""Parts that the depth of a view is cut into, of as many Gaussians each."""
_MOST = 1 << 20
"""Gaussians whose depths decide where."""


def slabs(z: Tensor) -> Tensor:
    """Colours by which a picture of a view tells how much of each pixel lies in which slab, and how deep.

    Args:
        z: [N] depths of the Gaussians.

    Returns:
        [N, 2 SLABS]: 1 for a Gaussian's own slab, and its depth in the same.
    """
    ahead = z[z > 0]
    if not len(ahead):
        ahead = torch.zeros_like(z[:1])
    sample = ahead[:: 1 + len(ahead) // _MOST]
    edges = sample.quantile(torch.linspace(0.0, 1.0, SLABS + 1, device=z.device)[1:-1])
    own = torch.nn.functional.one_hot(torch.bucketize(z.contiguous(), edges), SLABS).to(z)
    return torch.cat([own, own * z[:, None]], 1)


def median_depth(picture: Tensor) -> Tensor:
    """The depth at which transmittance falls below one half: the mean of what lies in the slab where it does.

    Args:
        picture: [H, W, 2 SLABS], drawn in the colours of `slabs` before black.

    Returns:
        [H, W, 1]; infinite where it does not fall so low.
    """
    weights, depths = picture.split(SLABS, -1)
    opaque = weights.cumsum(-1) > 0.5
    slab = opaque.int().argmax(-1, keepdim=True)
    depth = depths.gather(-1, slab) / weights.gather(-1, slab).clamp_min(1e-6)
    return torch.where(opaque.any(-1, keepdim=True), depth, torch.inf)
