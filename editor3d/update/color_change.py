"""Carry a change of colour over to what no edited picture shows: the change as a smooth function of place and colour.

Kernel ridge regression on landmarks (subset of regressors). With c a colour, x a place and k Gaussian kernels,

    change(x, c) = A [c; 1] + sum_a alpha_a k(c, c_a) + sum_b beta_b k((x, c), (x_b, c_b)).

The ridge on beta exceeds that on alpha, which exceeds that on A: what colours alone explain holds everywhere, and what
only holds in one place fades away from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_COLOR_LANDMARKS, _PLACE_LANDMARKS = 64, 192
_COLOR_WIDTH, _PLACE_WIDTH, _WIDE_COLOR_WIDTH = 0.15, 0.3, 0.5
"""Standard deviations of the kernels: of sRGB in 0..1 in the first; of places, as multiples of their own standard
deviation, and of sRGB in the second."""
_RIDGE = (1e-5, 1e-4, 1e-3)
"""Of A, alpha and beta, times the number of samples."""
_CANDIDATES = 2000
_ROWS = 1 << 16  # predicted at once


@dataclass(frozen=True, eq=False)
class ColorChange:
    """See this module's page."""

    middle: Tensor
    spread: Tensor
    """[3] and [], of the samples' places."""
    colors: Tensor
    places: Tensor
    """Landmarks, [A, 3] and [B, 6]."""
    coefficients: Tensor
    """[4 + A + B, 3]."""

    @staticmethod
    def of(points: Tensor, colors: Tensor, changes: Tensor, weights: Tensor) -> ColorChange:
        """Learn the function from S samples.

        Args:
            points: [S, 3], scene units.
            colors: [S, 3] in 0..1, before the edit.
            changes: [S, 3], colours after the edit less those before.
            weights: [S], at least 0.
        """
        points, colors, changes = points.float(), colors.float(), changes.double()
        share = (weights / weights.sum().clamp_min(1e-12)).float()
        middle = (points * share[:, None]).sum(0)
        spread = ((points - middle).square().sum(1) * share).sum().sqrt().clamp_min(1e-9)
        some = torch.linspace(0, len(points) - 1, min(_CANDIDATES, len(points))).long()
        both = _joined((points - middle) / spread, colors)
        chosen = ColorChange(
            middle, spread, _spread_out(colors[some] / _COLOR_WIDTH, _COLOR_LANDMARKS) * _COLOR_WIDTH,
            _spread_out(both[some], _PLACE_LANDMARKS), torch.empty(0, 3),
        )  # fmt: skip
        features = chosen._features(points, colors).double()
        sizes = (4, len(chosen.colors), len(chosen.places))
        ridge = torch.cat([torch.full((size,), value) for size, value in zip(sizes, _RIDGE, strict=True)]).double()
        weighted = features * share.double()[:, None]
        normal = features.T @ weighted + torch.diag(ridge)
        found = torch.linalg.solve(normal, weighted.T @ changes)
        return ColorChange(middle, spread, chosen.colors, chosen.places, found.float())

    def __call__(self, points: Tensor, colors: Tensor) -> Tensor:
        """The change [N, 3] of colours [N, 3] in 0..1 at points [N, 3], scene units; on the CPU."""
        parts = zip(points.split(_ROWS), colors.split(_ROWS), strict=True)
        return torch.cat([self._features(x, c) @ self.coefficients for x, c in parts])

    def _features(self, points: Tensor, colors: Tensor) -> Tensor:
        both = _joined((points - self.middle) / self.spread, colors)
        near = (_kernel(colors / _COLOR_WIDTH, self.colors / _COLOR_WIDTH), _kernel(both, self.places))
        return torch.cat([colors, torch.ones_like(colors[:, :1]), *near], 1)


def _joined(places: Tensor, colors: Tensor) -> Tensor:
    """Places and colours [N, 6], each in standard deviations of the kernel."""
    return torch.cat([places / _PLACE_WIDTH, colors / _WIDE_COLOR_WIDTH], 1)


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    return torch.cdist(a, b).square_().mul_(-0.5).exp_()


def _spread_out(points: Tensor, count: int) -> Tensor:
    """Up to `count` of `points` [N, D] that lie far apart, by farthest-point sampling from the first."""
    chosen = [0]
    nearest = (points - points[0]).square().sum(1)
    while len(chosen) < min(count, len(points)) and float(nearest.max()) > 0:
        chosen.append(int(nearest.argmax()))
        nearest = torch.minimum(nearest, (points - points[chosen[-1]]).square().sum(1))
    return points[chosen]
