"""A job whose scene is one colour, which each step moves at random: what the loop can drive, and show, in no time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from editor3d.errors import CheckpointError
from editor3d.host.stopwatch import Stopwatch
from editor3d.run.clock import RunClock
from editor3d.run.loop import StepParts
from editor3d.run.results import EditResults
from editor3d.types import View

SIDE = 4
SCENE = "scene.txt"


class ShownColor:
    """`editor3d.run.results.Shown` of a colour [3] float 0..1, which was grey."""

    title = "a colour"

    def __init__(self, color: torch.Tensor, folder: Path, views: int = 2) -> None:
        self.color, self.asked = color, []
        lens = {"width": SIDE, "height": SIDE, "fl_x": 1.0, "fl_y": 1.0, "cx": 2.0, "cy": 2.0}
        self.views = [
            View(name=f"view{i}", image_path=folder / f"{i}.png", split="test", **lens, c2w=np.eye(4)[:3])
            for i in range(views)
        ]

    def render(self, *, edited: bool) -> list[torch.Tensor]:
        self.asked.append("edited" if edited else "unedited")
        return [self._picture(self.color if edited else torch.full((3,), 0.5)) for _ in self.views]

    def turntable(self, frames: int) -> list[torch.Tensor]:
        return [self._picture(self.color)] * frames

    def publish(self, folder: Path) -> None:
        self.asked.append("publish")

    def export(self, folder: Path) -> None:
        (folder / SCENE).write_text(repr(self.color.tolist()))

    def exported(self, folder: Path) -> list[tuple[str, Path]]:
        return [("Scene", folder / SCENE)]

    def record(self) -> dict[str, Any]:
        kept = ("instruction", "method", "editor", "editor_reason", "data", "base")
        return {**dict.fromkeys(kept, "x"), "seed": 0}

    def metrics(self, before, after) -> dict[str, Any]:
        return {"change": float(sum((one - other).abs().mean() for one, other in zip(before, after, strict=True)))}

    @staticmethod
    def _picture(color: torch.Tensor) -> torch.Tensor:
        return color.expand(SIDE, SIDE, 3)


class SmallJob:
    """`editor3d.run.loop.Job`.

    Args:
        folder: the run's.
        during: called in each step, before it changes anything, with the number of the step from 0.
        preparing: called by `prepare`.
    """

    def __init__(
        self,
        folder: Path,
        during: Callable[[int], None] = lambda step: None,
        preparing: Callable[[], None] = lambda: None,
    ) -> None:
        self.clock, self.stopwatch, self.done_steps = RunClock(), Stopwatch(), 0
        self.color, self.generator = torch.full((3,), 0.5), torch.Generator().manual_seed(0)
        self.shown = ShownColor(self.color, folder)
        self.results = EditResults(folder, self.shown, self.clock, self.stopwatch, turntable_frames=0)
        self.during, self.prepare = during, preparing
        self.made: list[int] = []
        self.saves: list[int] = []
        self.parts = StepParts()

    def step(self) -> None:
        self.during(self.done_steps)
        self.made.append(self.done_steps)
        self.color += 0.1 * (torch.rand(3, generator=self.generator) - 0.5)
        self.done_steps += 1

    def state(self) -> dict[str, Any]:
        return {"pipeline": {"color": self.color}, "generator": self.generator.get_state()}

    def load_state(self, state: Mapping[str, Any], path: Path) -> None:
        if set(state["pipeline"]) != {"color"}:
            raise CheckpointError(f"Expected a colour, found something else in {path}: choose another.")
        self.color.copy_(state["pipeline"]["color"])
        self.generator.set_state(state["generator"])

    def saved(self) -> None:
        self.saves.append(self.done_steps)
