"""Compose two neural fields, one inside a region and the other outside, so that an edit stays in its region."""

from __future__ import annotations

from collections.abc import Callable

import torch
from nerfstudio.cameras.rays import RaySamples
from nerfstudio.field_components.field_heads import FieldHeadNames
from torch import Tensor

from editor3d.types import Shape

Density = Callable[..., Tensor]
Values = dict[FieldHeadNames, Tensor]


class Composite:
    """Composes functions of space sample by sample: f(x) = f_edited(x) in the region, f_original(x) elsewhere.

    The original is evaluated at every sample, in the batches that it alone would be rendered in, since the last bits of
    a matrix product depend on how many rows it has; the edited field at samples inside only.

    Attributes:
        alone: the original is all there is, inside of the region, too.
        last: the newest samples of the field, their values, and which of them [...] bool lie inside; not of training.
    """

    def __init__(self, region: Shape) -> None:
        self.region = region
        self.alone = False
        self.last: tuple[RaySamples, Values, Tensor] | None = None

    def density(self, edited: Density, original: Density) -> Density:
        """Of two functions from positions [..., 3], scene units, to densities [..., 1]."""

        def composed(positions: Tensor, times: Tensor | None = None) -> Tensor:
            with torch.no_grad():
                before = original(positions)
            inside = self.region.contains(positions)
            requested = self._asked(inside)
            if requested is None:
                return before
            return _mixed(before, edited(positions[requested]), requested, inside)

        return composed

    def field(self, edited: Callable[..., Values], original: Callable[..., Values]) -> Callable[..., Values]:
        """Of the `forward` of two fields."""

        def composed(samples: RaySamples, compute_normals: bool = False) -> Values:
            with torch.no_grad():
                values = original(samples, compute_normals=compute_normals)
            inside = self.region.contains(samples.frustums.get_positions())
            requested = self._asked(inside)
            if requested is not None:
                now = edited(samples[requested], compute_normals=compute_normals)
                values = {name: _mixed(before, now[name], requested, inside) for name, before in values.items()}
            self.last = None if torch.is_grad_enabled() else (samples, values, inside)  # no graph is held
            return values

        return composed

    def _asked(self, inside: Tensor) -> Tensor | None:
        """Where the edited field is evaluated, [...] bool; None for nowhere. While gradients are wanted it is
        somewhere, so that a loss always has one."""
        if self.alone:
            return None
        if bool(inside.any()):
            return inside
        if not torch.is_grad_enabled():
            return None
        requested = torch.zeros_like(inside)
        requested.view(-1)[0] = True
        return requested


def _mixed(before: Tensor, now: Tensor, requested: Tensor, inside: Tensor) -> Tensor:
    """`before` [..., C] with `now` [M, C] at those `requested` for which are `inside`, each [...] bool."""
    everywhere = torch.zeros_like(before)
    everywhere[requested] = now.to(before.dtype)
    return torch.where(inside[..., None], everywhere, before)
