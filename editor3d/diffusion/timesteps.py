"""Schedules of noise levels for score distillation: fixed, linear, or Vox-E's annealing.

A schedule gives the range [t_min, t_max] of noise levels, fractions of the model's training timesteps, at a step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from editor3d.errors import ConfigError


class TimestepSchedule(Protocol):
    """A range of noise levels that may shrink in the course of an optimisation."""

    def bounds(self, step: int, total_steps: int) -> tuple[float, float]:
        """Lowest and highest noise level at a step counted from 0, both in 0..1."""
        ...


@dataclass(frozen=True)
class Fixed:
    """The same range at every step (DreamFusion: 0.02 to 0.98)."""

    t_min: float = 0.02
    t_max: float = 0.98

    def __post_init__(self) -> None:
        _check(self.t_min, self.t_max)

    def bounds(self, step: int, total_steps: int) -> tuple[float, float]:
        return self.t_min, self.t_max


@dataclass(frozen=True)
class Linear:
    """The highest level goes down in a straight line from `t_max` at the first step to `t_end` at the last."""

    t_min: float = 0.02
    t_max: float = 0.98
    t_end: float = 0.22

    def __post_init__(self) -> None:
        _check(self.t_min, self.t_end)
        _check(self.t_end, self.t_max)

    def bounds(self, step: int, total_steps: int) -> tuple[float, float]:
        done = min(1.0, step / max(1, total_steps - 1))
        return self.t_min, self.t_max + done * (self.t_end - self.t_max)


@dataclass(frozen=True)
class Annealed:
    """Vox-E's: at every `every`-th step after `start` the highest level is multiplied by `factor`, down to `floor`.

    With the defaults 0.98 up to step 4 199, then 4 200: 0.735, 4 800: 0.551, 5 400: 0.413, 6 000: 0.310, 6 600: 0.2326,
    7 200: 0.22.
    """

    t_min: float = 0.02
    t_max: float = 0.98
    start: int = 4000
    every: int = 600
    factor: float = 0.75
    floor: float = 0.22

    def __post_init__(self) -> None:
        _check(self.t_min, self.floor)
        _check(self.floor, self.t_max)
        if self.every < 1 or not 0.0 < self.factor <= 1.0:
            raise ConfigError(
                f"Expected every to be at least 1 and a factor above 0 and up to 1, but got {self.every} and "
                f"{self.factor:g}; correct the timestep schedule."
            )

    def bounds(self, step: int, total_steps: int) -> tuple[float, float]:
        times = max(0, step // self.every - self.start // self.every)
        return self.t_min, max(self.floor, self.t_max * self.factor**times)


def draw_timesteps(
    schedule: TimestepSchedule,
    step: int,
    total_steps: int,
    count: int,
    training_timesteps: int,
    generator: torch.Generator,
) -> Tensor:
    """Draw timesteps uniformly from a schedule's range.

    Args:
        schedule: gives the range.
        step: of the optimisation, from 0.
        total_steps: of the optimisation.
        count: how many to draw, independent of each other.
        training_timesteps: N of the model, usually 1000; the noise level t is timestep round(t N), at most N - 1.
        generator: on the CPU.

    Returns:
        [count] int64 on the CPU.
    """
    low, high = (min(round(t * training_timesteps), training_timesteps - 1) for t in schedule.bounds(step, total_steps))
    return torch.randint(low, high + 1, (count,), generator=generator)


def _check(low: float, high: float) -> None:
    if not 0.0 <= low <= high <= 1.0:
        raise ConfigError(
            f"Expected noise levels between 0 and 1 in rising order, but got {low:g} and {high:g}; correct the "
            "timestep schedule."
        )
