"""Judge the edits of keys by each other, where they show the same surface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from editor3d.geometry.agreement import EditedView
from editor3d.geometry.surface import SeenSurface
from editor3d.geometry.verdicts import NEIGHBOURS, judge
from editor3d.update.keys.agreeing import AgreeingKeys
from editor3d.update.keys.state import AcceptedKey
from editor3d.update.scene import Scene

DOUBTED = 0.3
"""How much a key counts that is doubted, where the shape may change: views may then differ for good reason."""
_SIDE = 128
"""Pixels of the longer side by which edits are compared."""


def judged(
    accepted: Sequence[AcceptedKey],
    scene: Scene,
    agreeing: AgreeingKeys,
    surface: Callable[[int], SeenSurface],
    keeps_shape: bool,
    approved: bool,
) -> list[AcceptedKey]:
    """Keys with what other keys say of them, and how much they count.

    Pictures are compared as they came back: brought to the others' look, even one that is as it was would look edited.

    Args:
        accepted: the anchor first.
        surface: what a view sees.
        approved: someone looked at the anchor and accepted it: it is not doubted.
    """
    if len(accepted) <= NEIGHBOURS:  # nobody could say which of them is the bad one
        return list(accepted)
    views = [
        EditedView.of(
            surface(key.view).reduced(_SIDE),
            scene.condition(key.view),
            agreeing.plain(key),
            scene.inside(key.view),
        )
        for key in accepted
    ]
    found = []
    for place, (key, verdict) in enumerate(zip(accepted, judge(views), strict=True)):
        bad = verdict.bad and not (approved and place == 0)
        trust = 1.0 if not bad else 0.0 if keeps_shape else DOUBTED
        found.append(replace(key, trust=trust, doubt=verdict.doubt, wrong=verdict.reason if bad else ""))
    return found
