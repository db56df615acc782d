"""The pairwise knock-out of one round, as in BlenderAlchemy: winners meet winners, and the last one the incumbent.

Sides are drawn at random, so that a judge who prefers one side prefers no candidate. A match that is not decided goes
to the incumbent, and among candidates to the one that was proposed first.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from editor3d.programs.core.contracts import Candidate, Verdict

Judge = Callable[[Candidate, Candidate], Verdict | None]
"""Takes who stands left and right; None where there is no verdict."""


@dataclass(frozen=True)
class Outcome:
    """How a round ended."""

    best: Candidate
    """The incumbent after the round: a candidate, or still the old one."""
    ranking: tuple[Candidate, ...]
    """The candidates, best first: by loss where it is measured, else by how far each came."""
    changed: bool


def knock_out(incumbent: Candidate, candidates: Sequence[Candidate], judge: Judge, seed: int) -> Outcome:
    """Play all candidates against each other and the winner against the incumbent: one match a candidate.

    Args:
        incumbent: the program to beat.
        candidates: those of the round that gave a picture.
        judge: decides one match.
        seed: of pairing and sides.

    Returns:
        `best` is the incumbent unless a candidate was found better than it.
    """
    draw = random.Random(seed)
    entries = list(enumerate(candidates))
    draw.shuffle(entries)
    reached: dict[int, int] = {}
    level = 0
    while len(entries) > 1:
        level += 1
        winners = [entries[-1]] if len(entries) % 2 else []
        for one, other in zip(entries[::2], entries[1::2], strict=False):
            first, second = sorted((one, other), key=lambda entry: entry[0])
            won = _first_wins(judge, second[1], first[1], draw)
            winner, loser = (second, first) if won else (first, second)
            reached[loser[0]] = level
            winners.append(winner)
        entries = winners
    best, changed = incumbent, False
    if entries:
        index, champion = entries[0]
        reached[index] = level + 1
        changed = _first_wins(judge, champion, incumbent, draw)
        best = champion if changed else incumbent
    by_level = sorted(range(len(candidates)), key=lambda index: -reached[index])
    ranking = [candidates[index] for index in by_level]
    measured = [(tried.loss, tried) for tried in ranking if tried.loss is not None]
    if len(measured) == len(ranking):
        ranking = [tried for _, tried in sorted(measured, key=lambda entry: entry[0])]
    return Outcome(best, tuple(ranking), changed)


def _first_wins(judge: Judge, challenger: Candidate, holder: Candidate, draw: random.Random) -> bool:
    """Whether the challenger is found better than the holder, who keeps a match that is not decided."""
    on_left = draw.random() < 0.5
    verdict = judge(challenger, holder) if on_left else judge(holder, challenger)
    return verdict is not None and verdict.decided and verdict.winner == ("left" if on_left else "right")
