"""What the embedded proposer plans with: the candidates of a round, programs that steps tune, and points far away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from editor3d.programs.core.contracts import Candidate, Round
from editor3d.programs.embedded.descent import Descent
from editor3d.programs.judge.picture_loss import PictureLoss
from editor3d.programs.language.space import Space


@dataclass
class Lineage:
    """A program that is tuned by steps: the incumbent, or a leap."""

    space: Space
    descent: Descent
    best: Candidate
    rounds: int = 0

    @property
    def here(self) -> np.ndarray:
        return self.space.vector(self.space.program.again(self.best.source))


@dataclass
class Plan:
    """The candidates of one round."""

    number: int
    origin: str
    """choose, screen, steps, grow, explore, breed, evolve or leap."""
    sources: list[tuple[str, str]] = field(default_factory=list)
    points: dict[str, np.ndarray] = field(default_factory=dict)
    in_order: list[np.ndarray] = field(default_factory=list)
    """The points of `sources`, where all have one; two may be of one source."""


def loss_of(tried: Candidate) -> float:
    """Where there is a target, every candidate has one."""
    assert tried.loss is not None
    return tried.loss


def step_taken(lineage: Lineage, plan: Plan, tried: Sequence[Candidate], loss: PictureLoss) -> None:
    """Let a lineage learn from a round of its own, and move to its best."""
    mine = [one for one in tried if one.source in plan.points]
    for one in mine:
        # what was rendered has whole numbers where the step may have gone between two
        lineage.descent.remember(lineage.space.snapped(plan.points[one.source]), loss.residuals(one.image))
    winner = min(mine, key=loss_of, default=None)
    if winner is None or loss_of(winner) >= loss_of(lineage.best):
        lineage.descent.tell(0.0, None)
        return
    lineage.descent.tell(1.0 - loss_of(winner) / loss_of(lineage.best), plan.points[winner.source])
    lineage.best = winner


def drawn_anew(here: np.ndarray, space: Space, rng: np.random.Generator) -> np.ndarray:
    """A point some of whose coordinates are others: counts by one or two, or any by anything."""
    point = here.copy()
    whole = np.flatnonzero(space.least_steps)
    if len(whole) and rng.random() < 0.5:
        for axis in rng.permutation(whole)[: rng.integers(1, len(whole) + 1)]:
            point[axis] = here[axis] + rng.choice([-2, -1, 1, 2]) * space.least_steps[axis]
    else:
        anew = rng.random(len(here)) < rng.uniform(min(0.7, 1.0 / len(here)), 0.7)
        anew[rng.integers(len(here))] = True
        point = np.where(anew, rng.random(len(here)), here)
    return np.clip(point, 0.0, 1.0)


def swept(here: np.ndarray, axis: int, least_step: float, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """The same point but for one coordinate, which takes `count` values all over 0..1."""
    values = (np.arange(count) + rng.random()) / count
    if least_step > 0.0:
        steps = np.arange(round(1.0 / least_step) + 1) * least_step
        others = steps[np.abs(steps - here[axis]) > 0.5 * least_step]
        nearest = others[np.argsort(np.abs(others - here[axis]), kind="stable")]
        values = (
            nearest[:count]
            if len(nearest) <= count
            else np.concatenate([nearest[: count // 2], rng.permutation(nearest[count // 2 :])[: count - count // 2]])
        )
    points = np.repeat(here[None], len(values), axis=0)
    points[:, axis] = values
    return list(points)


def of_points(current: Round, origin: str, space: Space, here: np.ndarray, points: Sequence[np.ndarray]) -> Plan:
    plan = Plan(current.number, origin)
    for point in points:
        source = space.source(point)
        plan.sources.append((source, f"{origin}: {moved(space, here, point)}"))
        plan.points[source] = point
        plan.in_order.append(point)
    return plan


def moved(space: Space, here: np.ndarray, point: np.ndarray) -> str:
    """What changed most, in words."""
    order = np.argsort(-np.abs(point - here), kind="stable")[:3]
    labels = [space.program.parameters[space.axes[axis].parameter].label for axis in order if point[axis] != here[axis]]
    return ", ".join(dict.fromkeys(labels)) or "as it was"
