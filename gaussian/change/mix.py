"""Mix a scene with its edit, and take edits out of a stack: what each changed is a patch of Gaussians."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from editor3d.errors import ConfigError
from gaussian.splats import Splats, concatenate, select, with_sh_degree

LEAST, MOST = -0.5, 1.5
"""How far a strength may go beyond the scene and its edit."""
_NEAR = 3.0


def mixed(base: Splats, edit: Splats, strength: float) -> Splats:
    """A scene between its base (0) and its edit (1), to the bit at the ends, or a little beyond.

    Where the edit kept the Gaussians, each number goes along the line between the two, rotations along the arc. Where
    it took some away or made new ones, those fade: an opacity o that is there by a share s is 1 - (1 - o)^s, which lets
    as much light through as s of the matter.

    Raises:
        ConfigError: a strength beyond -0.5 to 1.5, or beyond 0 to 1 where Gaussians fade.
    """
    if not LEAST <= strength <= MOST:
        raise ConfigError(f"Expected a strength of {LEAST} to {MOST}, got {strength}.")
    if strength in (0, 1):
        return edit if strength else base
    degree = max(base.sh_degree, edit.sh_degree)
    base, edit = with_sh_degree(base, degree), with_sh_degree(edit, degree)
    if _paired(base, edit):
        tensors = {name: _between(values, edit.tensors[name], strength) for name, values in base.tensors.items()}
        flipped = edit.quats * (base.quats * edit.quats).sum(1, keepdim=True).sign()
        turned = torch.nn.functional.normalize(_between(base.quats, flipped, strength), dim=1)
        tensors["quats"] = torch.where((base.quats == edit.quats).all(1, keepdim=True), base.quats, turned)
        return Splats(**tensors)
    if not 0 <= strength <= 1:
        raise ConfigError(
            f"Expected a strength of 0 to 1 for an edit that takes Gaussians away or makes new ones, got {strength}."
        )
    patch = Patch.between(base, edit)
    fading, coming = select(base, patch.out), select(edit, patch.into)
    return concatenate([select(base, ~patch.out), _shared(fading, 1 - strength), _shared(coming, strength)])


def _paired(base: Splats, edit: Splats) -> bool:
    """Whether Gaussians of the same number are the same one."""
    if len(base) != len(edit):
        return False
    apart = (base.means - edit.means).norm(dim=1)
    return bool((apart <= _NEAR * base.scales.amax(1)).float().mean() > 0.99)


def _between(one: Tensor, other: Tensor, strength: float) -> Tensor:
    return one + strength * (other - one)


def _shared(splats: Splats, share: float) -> Splats:
    """With so much of their matter."""
    through = torch.nn.functional.logsigmoid(-splats.opacity_logits.double()) * share  # log (1 - o)
    logits = torch.log(-torch.expm1(through.clamp_max(-1e-12))) - through
    return replace(splats, opacity_logits=logits.float())


@dataclass(frozen=True, eq=False)
class Patch:
    """What an edit changed: Gaussians that it took out, and those that it put in; changed ones are both."""

    out: Tensor
    """Of the scene before, [N] bool."""
    into: Tensor
    """Of the scene after, [M] bool."""

    @staticmethod
    def between(before: Splats, after: Splats) -> Patch:
        """Gaussians are the same where every number is, bit for bit."""
        one, other = _rows(before), _rows(after)
        return Patch(torch.from_numpy(~np.isin(one, other)), torch.from_numpy(~np.isin(other, one)))


def restacked(scenes: Sequence[Splats], order: Sequence[int]) -> Splats:
    """A scene with only some of a stack's edits, or in another order.

    Args:
        scenes: the reconstruction, and the scene after each edit, in turn; of one SH degree.
        order: the edits to make, counted from 1.

    Raises:
        ConfigError: an edit changes what another made that is left out or comes later: they are of the same parts.
    """
    if list(order) == list(range(1, len(order) + 1)):
        return scenes[len(order)]
    present = scenes[0]
    for number in order:
        before, after = scenes[number - 1], scenes[number]
        patch = Patch.between(before, after)
        gone = _rows(select(before, patch.out))
        rows = _rows(present)
        if not np.isin(gone, rows).all():
            raise ConfigError(
                f"Expected edits of different parts to switch off or reorder, found that edit {number} changes what an "
                f"earlier one made: keep both, in their order."
            )
        kept = torch.from_numpy(~np.isin(rows, gone))
        present = concatenate([select(present, kept), select(after, patch.into)])
    return present


def _rows(splats: Splats) -> np.ndarray:
    """Each Gaussian's numbers as one value that compares bit by bit."""
    table = torch.cat([values.reshape(len(splats), -1) for values in splats.tensors.values()], 1)
    table = np.ascontiguousarray(table.numpy())
    return table.view(np.dtype((np.void, table.shape[1] * 4))).ravel()
