"""Undo small shifts of an edited picture against the picture that was edited, where an edit keeps the shape."""

from __future__ import annotations

import torch
from torch import Tensor

from editor3d.update.keys.alignment import aligned
from editor3d.update.keys.colors import blurred
from editor3d.update.keys.table import fit_table

_ROUNDS = 2
_SMALLEST = 32
"""Pixels of the shorter side below which a picture stays as it is."""
_FINE = 1 / 256
"""Standard deviation of the blur of what the colours do not explain, as a share of the shorter side: the editor's own
detail is not surer of its place than that."""


def registered(edited: Tensor, original: Tensor, mask: Tensor | None = None) -> Tensor:
    """An edited picture moved back to where the original shows the same things.

    In turns, a table T of colours is fitted that takes the original I to the edited picture E, and E is aligned with
    T(I). The result is T(I) + blur(E - T(I)): fine detail is the photograph's.

    Args:
        edited: [H, W, 3] in 0..1.
        original: the same.
        mask: where the edit may change the picture, [H, W] bool; None is everywhere.

    Returns:
        [H, W, 3] in 0..1.
    """
    if min(edited.shape[:2]) < _SMALLEST:
        return edited
    weight = torch.ones(edited.shape[:2]) if mask is None else mask.float()
    if not weight.any():
        return edited
    moved = edited
    for _ in range(_ROUNDS):
        table = fit_table([original], [moved], [weight], contrast_too=False)
        moved = aligned(edited, table(original), weight)
    plain = fit_table([original], [moved], [weight], contrast_too=False)(original)
    sigma = max(1.0, _FINE * min(edited.shape[:2]))
    return (plain + blurred(moved - plain, sigma)).clamp(0.0, 1.0)
