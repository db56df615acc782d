"""Thin a scene out to fewer Gaussians with the least loss: near and alike ones become one, pair by pair."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation
from torch import Tensor

from editor3d.errors import ConfigError
from gaussian.splats import SH_C0, Splats, concatenate, select

_NEIGHBOURS = 8
_COLOUR = 100.0
"""How much a squared difference of colours weighs beside one of places, which counts in standard deviations."""
_AT_MOST = 0.5
"""The share of the Gaussians that one round of pairs may take."""


def decimated(splats: Splats, count: int, light: Tensor | None = None) -> Splats:
    """A scene of `count` Gaussians; those that no merge touches keep every bit.

    The pairs of neighbours that cost least are merged, each Gaussian once a round, and rounds follow until the number
    is reached. Two Gaussians of weights w (what they show) cost w1 w2 / (w1 + w2) (d² + s² + 100 c²), with the squared
    distance d² of their centres in their common variance, the squared difference s² of the logarithms of their sizes
    and c² of their colours. The merged one has their
    mean place, colour and covariance, with the spread between the centres, and an opacity that keeps
    what they cover.

    Args:
        count: 1 to N.
        light: what each shows [N], e.g. `gaussian.draw.selection.light`; by default opacity times its greatest area.

    Raises:
        ConfigError: a count out of range.
    """
    if not 1 <= count <= len(splats):
        raise ConfigError(f"Expected 1 to {len(splats)} Gaussians to be left, got {count}.")
    shown = _shown(splats)
    weights = shown if light is None else light.double() + 1e-3 * shown / shown.mean()
    while len(splats) > count:
        pairs = _pairs(splats, weights, min(len(splats) - count, max(1, int(_AT_MOST * len(splats)))))
        first, second = pairs[:, 0], pairs[:, 1]
        kept = torch.ones(len(splats), dtype=torch.bool)
        kept[first] = kept[second] = False
        merged, gained = _merged(splats, weights, first, second)
        splats, weights = concatenate([select(splats, kept), merged]), torch.cat([weights[kept], gained])
    return splats


def _shown(splats: Splats) -> Tensor:
    largest = splats.scales.double().sort(dim=1).values
    return splats.opacities.double() * largest[:, 1] * largest[:, 2] + 1e-30


def _pairs(splats: Splats, weights: Tensor, most: int) -> Tensor:
    """The cheapest disjoint pairs of neighbours, at most so many: [P, 2]."""
    means = splats.means.double().numpy()
    neighbours = np.asarray(KDTree(means).query(means, k=min(_NEIGHBOURS + 1, len(means)))[1])
    here = np.repeat(np.arange(len(means)), neighbours.shape[1] - 1)
    there = neighbours[:, 1:].ravel()
    ends = np.unique(np.sort(np.stack([here, there], 1), axis=1), axis=0)
    ends = torch.from_numpy(ends[ends[:, 0] != ends[:, 1]])
    a, b = ends[:, 0], ends[:, 1]
    variance = splats.scales.double().square().mean(1)
    apart = (splats.means[a].double() - splats.means[b].double()).square().sum(1)
    colors = (SH_C0 * (splats.sh[a, 0] - splats.sh[b, 0])).double().square().sum(1)
    sizes = (variance[a].log() - variance[b].log()).square() / 4
    both = weights[a] * weights[b] / (weights[a] + weights[b])
    cost = both * (apart / (variance[a] + variance[b]).clamp_min(1e-30) + sizes + _COLOUR * colors)
    taken = np.zeros(len(means), bool)
    found = []
    for one, other in ends[cost.argsort()].tolist():
        if not taken[one] and not taken[other]:
            taken[one] = taken[other] = True
            found.append((one, other))
            if len(found) == most:
                break
    return torch.tensor(found)


def _merged(splats: Splats, weights: Tensor, first: Tensor, second: Tensor) -> tuple[Splats, Tensor]:
    """One Gaussian for each pair [P], and its weight."""
    total = weights[first] + weights[second]
    share = (weights[first] / total)[:, None]

    def mean(values: Tensor) -> Tensor:
        parts = values.double().flatten(1)
        return (share * parts[first] + (1 - share) * parts[second]).reshape(-1, *values.shape[1:])

    means = mean(splats.means)
    between = (splats.means[first] - splats.means[second]).double()
    covariance = (
        mean(_covariances(splats)) + (share * (1 - share))[..., None] * between[:, :, None] * between[:, None, :]
    )
    lengths, axes = torch.linalg.eigh(covariance)
    axes[:, :, 0] *= torch.linalg.det(axes).sign()[:, None]
    scales = lengths.clamp_min(1e-24).sqrt()
    quats = np.roll(Rotation.from_matrix(axes.numpy()).as_quat(), 1, axis=1)
    covered = (_shown(splats)[first] + _shown(splats)[second]) / (scales[:, 1] * scales[:, 2])
    greatest = 1 - (1 - splats.opacities[first].double()) * (1 - splats.opacities[second].double())
    opacities = torch.minimum(covered, greatest).clamp(1e-6, 1 - 1e-6)
    logits = opacities.log() - (-opacities).log1p()
    tensors = (means, scales.log(), torch.from_numpy(quats), logits, mean(splats.sh))
    return Splats(*(tensor.float() for tensor in tensors)), total


def _covariances(splats: Splats) -> Tensor:
    """[N, 3, 3] float64."""
    quats = splats.quats.double().numpy()
    rotations = torch.from_numpy(Rotation.from_quat(np.roll(quats, -1, axis=1)).as_matrix())
    axes = rotations * splats.scales.double()[:, None]
    return axes @ axes.mT
