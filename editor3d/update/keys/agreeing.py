"""Bring edited keys to the shape of their photographs, and to the look of those that were accepted before them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from editor3d.types import EditedKey, EditorInfo
from editor3d.update.keys.colors import blurred, fit_map
from editor3d.update.keys.registration import registered
from editor3d.update.keys.state import AcceptedKey
from editor3d.update.keys.warped import ENOUGH, WarpPropagator
from editor3d.update.scene import Scene
from editor3d.update.state import PictureStore

_PRIOR = 0.05
"""Weight of what the colour map of the other keys says of a key, beside what is seen in them."""


class AgreeingKeys:
    """Edited keys as they are carried over, each made once until `clear`.

    Args:
        info: gives the editor's capabilities, which another instruction may change.
    """

    def __init__(
        self, scene: Scene, pictures: PictureStore, propagator: WarpPropagator, info: Callable[[], EditorInfo]
    ) -> None:
        self._scene, self._pictures, self._propagator, self._info = scene, pictures, propagator, info
        self._made: dict[tuple[int, int], EditedKey] = {}

    def clear(self) -> None:
        """Forget what was made: the scene's geometry, or the accepted keys, are others now."""
        self._made.clear()

    def plain(self, key: AcceptedKey) -> Tensor:
        """A key's edited picture as it came back: [H, W, 3] in 0..1."""
        return self._pictures.read(self._scene.views[key.view].name, key.revision).float() / 255.0

    def counting(self, accepted: Sequence[AcceptedKey], but: int | None = None) -> list[EditedKey]:
        """The accepted keys that count, but for a view's own."""
        return [self.of(key, accepted) for key in accepted if key.trust > 0 and key.view != but]

    def of(self, key: AcceptedKey, accepted: Sequence[AcceptedKey]) -> EditedKey:
        """A key as it is carried over.

        Args:
            accepted: in the order in which they were; it is brought to the look of those before it.
        """
        if (key.view, key.revision) not in self._made:
            views = [other.view for other in accepted]
            earlier = accepted[: views.index(key.view)] if key.view in views else accepted
            self._made[key.view, key.revision] = self._agreeing(key, earlier)
        return replace(self._made[key.view, key.revision], trust=key.trust)

    def _agreeing(self, key: AcceptedKey, earlier: Sequence[AcceptedKey]) -> EditedKey:
        original, inside, info = self._scene.condition(key.view).cpu(), self._scene.inside(key.view), self._info()
        edited = self.plain(key)
        if not info.effortless:
            if info.keeps_shape:
                edited = registered(edited, original, inside)
            others = self.counting(earlier)
            if others:
                edited = self._harmonised(key.view, edited, original, inside, others, info.keeps_shape)
        if inside is not None:
            edited = torch.where(inside[..., None], edited, original)
        return EditedKey(key.view, original, edited, inside, key.trust)

    def _harmonised(
        self, view: int, edited: Tensor, original: Tensor, inside: Tensor | None, others: list[EditedKey], keeps: bool
    ) -> Tensor:
        """An edited picture in the colours of other keys."""
        found = self._propagator.warped(view, original, others)
        known = (found.weight / (found.weight + ENOUGH)) if inside is None else found.weight * inside
        sigma = max(1.0, min(edited.shape[:2]) / 100)
        soft = blurred(edited, sigma)
        sources, wanted, weights = (
            [soft],
            [blurred(torch.where(known[..., None] > 0, found.picture, edited), sigma)],
            [known],
        )
        if keeps:
            guess = self._propagator.guess(others)(original)
            sources.append(soft)
            wanted.append(blurred(guess, sigma))
            weights.append(torch.full_like(known, _PRIOR) if inside is None else _PRIOR * inside.float())
        return fit_map(sources, wanted, weights, degree=1)(edited)
