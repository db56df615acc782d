"""Schedules of edits: which views are edited when, and at what noise level."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch

from editor3d.errors import ConfigError
from editor3d.types import EditorInfo

TIMESTEPS = 1000
"""Training timesteps of the diffusion models that noise levels are fractions of."""
SPREAD = 0.75
"""The share of a run's steps over which `spread` spreads its edits."""
FEW_ROUNDS = 3.0
"""Edits of each view below which a walk by draws of the noise level ends half-way."""
LATER_LEVEL = 0.7
"""Noise level of `high` from a view's second edit on: the least that Instruct-GS2GS draws."""

Kind = Literal["cyclic", "all-at-once", "all-then-cyclic", "spread"]
Noise = Literal["uniform", "decaying", "sqrt", "high"]


@dataclass(frozen=True)
class PlannedEdit:
    """One edit that is due."""

    view: int
    """Index of the view."""
    noise_level: float
    seed: int


@dataclass(frozen=True)
class Schedule:
    """A rule for what is due before a training step.

    `cyclic` is Instruct-NeRF2NeRF's: every `edit_rate` steps the next `edit_count` views, round and round.
    `all-at-once` is Instruct-GS2GS's: every `edit_rate` steps all views.
    `all-then-cyclic` edits all views before the first step and then continues as `cyclic`.
    `spread` edits each view once, evenly spread over the first three quarters of the run: an editor that waits for a
    server works beside the fit.

    The timestep is drawn from U{lower, ..., upper} * 1000 (`uniform`), or the upper end falls from `upper_bound` to
    `lower_bound` in a straight line over the run (`decaying`): large changes first, then details. `sqrt` is
    NeRF-Insert's: no draw, but 1 - 0.8 sqrt(step / total), kept between the bounds. `high` is the upper bound for a
    view's first edit and 0.7 for later ones, kept between the bounds.

    Raises:
        ConfigError: a value is out of range.
    """

    kind: Kind = "cyclic"
    edit_rate: int = 10
    edit_count: int = 1
    lower_bound: float = 0.02
    upper_bound: float = 0.98
    noise: Noise = "uniform"

    def __post_init__(self) -> None:
        _require_rates(self.edit_rate, self.edit_count)
        if not 0.0 < self.lower_bound <= self.upper_bound <= 1.0:
            raise ConfigError(
                f"Expected 0 < lower-bound <= upper-bound <= 1, got {self.lower_bound} and {self.upper_bound}: they "
                f"are noise levels, as fractions of the model's timesteps."
            )

    def plan(
        self, step: int, total_steps: int, cursor: int, n_views: int, generator: torch.Generator
    ) -> list[PlannedEdit]:
        """What is due before `step`.

        Args:
            step: the step about to run, counted from the start of this edit.
            total_steps: steps of the whole edit.
            cursor: views handed out so far; the next is `cursor % n_views`.
            generator: the source of noise levels and seeds; used only when something is due.
        """
        if self.kind == "spread":
            due = _due_by(step, total_steps, n_views) - min(cursor, n_views)
            progress = min(1.0, step / max(1, total_steps))
            return [
                PlannedEdit(i, self._noise_level(progress, True, generator), _seed(generator))
                for i in range(cursor, cursor + max(0, due))
            ]
        if step % self.edit_rate:
            return []
        due = n_views if self._edits_all(step) else min(self.edit_count, n_views)
        progress = min(1.0, step / max(1, total_steps))
        return [
            PlannedEdit(i % n_views, self._noise_level(progress, i < n_views, generator), _seed(generator))
            for i in range(cursor, cursor + due)
        ]

    def edits_in_all(self, total_steps: int, n_views: int, final: bool) -> int:
        """How many 2D edits a whole run makes.

        Args:
            final: one edit of a view is final; see `one_edit_is_final`.
        """
        if self.kind == "spread":
            return n_views
        due = 0
        for step in range(0, total_steps, self.edit_rate):
            due += n_views if self._edits_all(step) else min(self.edit_count, n_views)
        return min(due, n_views) if final else due

    def _edits_all(self, step: int) -> bool:
        return self.kind == "all-at-once" or (self.kind == "all-then-cyclic" and step == 0)

    def _noise_level(self, progress: float, first: bool, generator: torch.Generator) -> float:
        """That of an edit at `progress` in 0..1 of the run; `first`: of its view."""
        upper = self.upper_bound
        if self.noise == "sqrt":
            return self._bounded(1.0 - 0.8 * math.sqrt(progress))
        if self.noise == "high":
            return self._bounded(upper if first else LATER_LEVEL)
        if self.noise == "decaying":
            upper += (self.lower_bound - self.upper_bound) * progress
        low, high = max(1, round(self.lower_bound * TIMESTEPS)), round(upper * TIMESTEPS)
        return int(torch.randint(low, max(low, high) + 1, (1,), generator=generator)) / TIMESTEPS

    def _bounded(self, level: float) -> float:
        """The level of a timestep that is nearest to this one and within the bounds."""
        return max(1, round(min(max(level, self.lower_bound), self.upper_bound) * TIMESTEPS)) / TIMESTEPS


def _due_by(step: int, total_steps: int, n_views: int) -> int:
    """Of so many views, how many are edited before a step of a run that spreads them."""
    return min(n_views, 1 + int(step * n_views / max(1.0, SPREAD * total_steps)))


def _seed(generator: torch.Generator) -> int:
    return int(torch.randint(2**31, (1,), generator=generator))


def one_edit_is_final(info: EditorInfo) -> bool:
    """Whether a second edit of the same view by this editor could only repeat the first."""
    return not (info.uses_render or info.uses_noise_level or info.varies_with_seed)


def least_noise_level(info: EditorInfo, diffusion_steps: int) -> float:
    """The noise level below which an editor cannot take that many steps; 0 where any will do."""
    return diffusion_steps / TIMESTEPS if info.one_timestep_per_step else 0.0


def with_all_steps(schedule: Schedule, info: EditorInfo, diffusion_steps: int) -> Schedule:
    """The same schedule, its noise levels beginning where an editor can take all its steps.

    Raises:
        ConfigError: the upper bound is too low for that many steps.
    """
    least = least_noise_level(info, diffusion_steps)
    if least > schedule.upper_bound or least >= 1.0:  # the model's last timestep cannot be reached one by one
        most = min(int(schedule.upper_bound * TIMESTEPS + 1e-6), TIMESTEPS - 1)
        raise ConfigError(
            f"Expected at most {most} diffusion steps up to a noise level of {schedule.upper_bound:g}, got "
            f"{diffusion_steps}: lower diffusion-steps, or raise upper-bound."
        )
    return replace(schedule, lower_bound=max(schedule.lower_bound, least))


def _require_rates(edit_rate: int, edit_count: int) -> None:
    if edit_rate < 1 or edit_count < 1:
        raise ConfigError(
            f"Expected edit-rate and edit-count of at least 1, got {edit_rate} and {edit_count}: "
            f"edit-rate counts steps between edits, edit-count the views edited then."
        )


def rounds_of(total_steps: int, edit_rate: int, edit_count: int, n_views: int) -> float:
    """How often a cyclic schedule edits each view.

    Raises:
        ConfigError: the rate or the count is below 1.
    """
    _require_rates(edit_rate, edit_count)
    return total_steps / edit_rate * edit_count / n_views


def suited_schedule(info: EditorInfo, rounds: float = math.inf) -> tuple[Kind, Noise]:
    """The kind of schedule, and of its noise levels, that suit an editor.

    An editor that looks at the render has to follow the scene round by round, and an edit at a low noise level can only
    add to what earlier ones did. In a run too short for several rounds most views would keep such an edit of the
    unedited scene: there each view is edited in full before the first step, and later rounds bring the pictures
    together, at a level that does not keep what the first edit did wrong. For an editor that does not look, half-edited
    sets of pictures only delay the fit: all views at once; and then again one by one, if a second edit can differ.

    Args:
        rounds: see `rounds_of`.
    """
    if info.uses_render:
        return ("cyclic", "uniform") if rounds >= FEW_ROUNDS else ("all-then-cyclic", "high")
    return ("all-at-once" if one_edit_is_final(info) else "all-then-cyclic"), "uniform"
