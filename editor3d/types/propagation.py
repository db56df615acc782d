"""How the edit of a few views comes to the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class EditedKey:
    """A view that was edited. Pictures [H, W, 3] in 0..1."""

    view: int
    """Index of the view."""
    original: Tensor
    """The picture that was edited."""
    edited: Tensor
    mask: Tensor | None = None
    """Where it could change, [H, W] bool; None is everywhere."""
    trust: float = 1.0
    """How much its edit counts beside those of other keys, 0..1."""


@dataclass(frozen=True, eq=False)
class Carried:
    """What is known of an edit in a view that was not edited itself."""

    picture: Tensor
    """[H, W, 3] in 0..1; as the view was where nothing is known."""
    weight: Tensor
    """[H, W] in 0..1, how well it is known; 0 is not at all."""


class Propagator(Protocol):
    """Carries the edit of a few views over to the others, by what they see of the same scene."""

    def look(self, keeps_shape: bool, fitted: bool = False) -> None:
        """Take the scene's geometry as it is now, for an edit that changes colours alone or more.

        Args:
            fitted: the scene is on its way to the edited one, not the one before the edit.
        """
        ...

    def unchanged(self, target: int, original: Tensor, keys: Sequence[EditedKey]) -> Tensor | None:
        """Where an edit of some keys leaves another view as it is: [H, W] bool; None where nothing is known of that.

        For a scene that was looked at before the edit. Arguments are those of `carry`.
        """
        ...

    def carry(self, target: int, original: Tensor, keys: Sequence[EditedKey], mask: Tensor | None = None) -> Carried:
        """The edit of some keys, as another view would show it.

        Args:
            target: index of the view.
            original: its picture before the edit, [H, W, 3] in 0..1.
            keys: those whose edit is carried over; the view's own is left out.
            mask: where the view may change, [H, W] bool; None is everywhere.
        """
        ...
