"""The proposer that needs no model: it reads the program and learns from each picture.

Tweaks come from Gauss-Newton on the pixels where there is a picture to match, and from CMA-ES where there is none or
where the first has come to a halt; whichever brings the loss down goes on. Leaps change words, switches, node links and
materials, and, once those are exhausted, draw some of the numbers anew. A leap that has led nowhere is not made again,
and rounds of leaps that lead nowhere become rarer: their turn goes to tweaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from editor3d.programs.contracts import Proposal, Round, Tried
from editor3d.programs.descent import Descent
from editor3d.programs.evolution import Evolution
from editor3d.programs.leaps import leaps
from editor3d.programs.picture_loss import PictureLoss
from editor3d.programs.space import Space
from editor3d.programs.syntax import Program

PATIENCE = 3
"""Rounds of one method that bring nothing before the other has its turn."""
SPREADS = (0.15, 0.3, 0.08)
"""First standard deviations of CMA-ES, one after the other at restarts."""
LONGEST_WAIT = 16
"""The most rounds of leaps that are passed over."""


@dataclass
class _Structure:
    """What is known of programs that differ in their numbers alone."""

    space: Space
    descent: Descent
    evolution: Evolution | None = None
    restarts: int = 0
    idle: int = 0
    """Rounds in a row in which CMA-ES found nothing better."""


@dataclass
class _Plan:
    """The candidates of one round."""

    number: int
    origin: str
    """descent, evolution or leaps."""
    structure: _Structure
    sources: list[tuple[str, str]] = field(default_factory=list)
    points: dict[str, np.ndarray] = field(default_factory=dict)


class EmbeddedProposer:
    """Writes candidates by changing what is found in the syntax tree of the incumbent."""

    asks_a_model = False

    def __init__(self, target: np.ndarray | None = None) -> None:
        """
        Args:
            target: [H, W, 3] uint8, the picture to match, where there is one.
        """
        self._loss = None if target is None else PictureLoss(target)
        self._structures: dict[str, _Structure] = {}
        self._tried_leaps: set[str] = set()
        self._plan: _Plan | None = None
        self._wait, self._waited = 0, 0

    def propose(self, asked: Round, index: int) -> Proposal | None:
        """The candidate number `index`; candidates of one round are planned together."""
        if self._plan is None or self._plan.number != asked.number:
            self._plan = self._planned(asked)
        if index >= len(self._plan.sources):
            return None
        source, note = self._plan.sources[index]
        return Proposal(source, note=note)

    def learn(self, asked: Round, tried: Sequence[Tried], best: Tried) -> None:
        """Take in what came of a round."""
        plan = self._plan
        if plan is None or plan.number != asked.number:
            return
        changed = best.source != asked.best.source
        ratio = 0.0
        if changed:
            ratio = 1.0 if asked.best.loss is None else 1.0 - best.loss / asked.best.loss
        structure = plan.structure
        if self._loss is not None:
            for one in tried:
                if one.source in plan.points:
                    structure.descent.remember(plan.points[one.source], self._loss.residuals(one.image))
        if plan.origin == "descent":
            structure.descent.tell(ratio, plan.points.get(best.source) if changed else None)
        elif plan.origin == "evolution":
            self._tell_evolution(structure, plan, tried, ratio)
        else:
            self._wait = 0 if changed else min(max(1, 2 * self._wait), LONGEST_WAIT)

    def _planned(self, asked: Round) -> _Plan:
        rng = np.random.default_rng(asked.seed)
        structure = self._structure(asked)
        if asked.kind == "leap" and self._waited >= self._wait:
            self._waited = 0
            return self._leaps(asked, structure, rng)
        self._waited += asked.kind == "leap"
        if not len(structure.space):
            return _Plan(asked.number, "descent", structure)
        here = structure.space.vector(Program(asked.best.source))
        if self._loss is not None and structure.descent.stalled < PATIENCE:
            residuals = self._loss.residuals(asked.best.image)
            points = structure.descent.ask(here, residuals, asked.breadth, rng)
            return self._of_points(asked, "descent", structure, here, points)
        return self._of_points(asked, "evolution", structure, here, self._evolved(asked, structure, here))

    def _structure(self, asked: Round) -> _Structure:
        program = Program(asked.best.source)
        if program.structure not in self._structures:
            space = Space(program)
            self._structures[program.structure] = _Structure(space, Descent(space.least_steps))
        return self._structures[program.structure]

    def _evolved(self, asked: Round, structure: _Structure, here: np.ndarray) -> list[np.ndarray]:
        if structure.evolution is None or structure.evolution.converged:
            spread = SPREADS[structure.restarts % len(SPREADS)]
            structure.evolution = Evolution(here, spread, asked.breadth, asked.seed)
            structure.restarts += 1
        return structure.evolution.ask(asked.breadth)

    def _tell_evolution(self, structure: _Structure, plan: _Plan, tried: Sequence[Tried], ratio: float) -> None:
        scored = [
            (plan.points[one.source], float(place if one.loss is None else one.loss))
            for place, one in enumerate(tried)
            if one.source in plan.points
        ]
        structure.evolution.tell(scored)
        structure.idle = 0 if ratio > 0.005 else structure.idle + 1
        if ratio > 0.02 or structure.idle >= 2 * PATIENCE:
            structure.descent.revive()
            structure.idle = 0

    def _of_points(
        self, asked: Round, origin: str, structure: _Structure, here: np.ndarray, points: Sequence[np.ndarray]
    ) -> _Plan:
        plan = _Plan(asked.number, origin, structure)
        for point in points:
            source = structure.space.source(point)
            plan.sources.append((source, f"{origin}: {self._moved(structure.space, here, point)}"))
            plan.points[source] = point
        return plan

    def _leaps(self, asked: Round, structure: _Structure, rng: np.random.Generator) -> _Plan:
        """Changes of structure that were not tried yet, and numbers drawn anew for what is left of the round."""
        plan = _Plan(asked.number, "leaps", structure)
        program = Program(asked.best.source)
        for source, note in leaps(program, rng):
            key = Program(source).structure
            if key not in self._tried_leaps and len(plan.sources) < asked.breadth:
                self._tried_leaps.add(key)
                plan.sources.append((source, f"leap: {note}"))
        if not len(structure.space):
            return plan
        here = structure.space.vector(program)
        while len(plan.sources) < asked.breadth:
            anew = rng.random(len(here)) < rng.uniform(1.0 / len(here), 0.7)
            anew[rng.integers(len(here))] = True
            point = np.where(anew, rng.random(len(here)), here)
            source = structure.space.source(point)
            plan.sources.append((source, f"leap: {self._moved(structure.space, here, point)}"))
            plan.points[source] = point
        return plan

    def _moved(self, space: Space, here: np.ndarray, point: np.ndarray) -> str:
        """The three numbers that changed most, in words."""
        order = np.argsort(-np.abs(point - here), kind="stable")[:3]
        labels = [
            space.program.parameters[space.axes[axis].parameter].label for axis in order if point[axis] != here[axis]
        ]
        return ", ".join(dict.fromkeys(labels)) or "as it was"
