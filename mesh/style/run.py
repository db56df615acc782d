"""Run one styling of a mesh. Views are edited in 2D, or compared by CLIP, and fitted."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from editor3d.errors import Editor3DError
from editor3d.host.device import default_device
from editor3d.run import loop
from editor3d.run.clock import RunClock
from editor3d.run.results import EditResults
from mesh.style.clip_objective import ClipObjective
from mesh.style.config import CONFIG, StyleConfig
from mesh.style.objectives import EditObjective, Objective
from mesh.style.shown import METHOD, ShownMesh
from mesh.style.stage import Stage, load_field

_SETTLED = 0.02
"""Learning rate at the end, as a share of the first."""


class StyleRun:
    """A run in a folder, as `editor3d.run.loop` drives it: a new one, or one that holds checkpoints.

    Args:
        config: what to do.
        folder: where its results go.
        device: where the mesh is rendered and the field trained.

    Raises:
        Editor3DError: the mesh, the instruction, the editor or the checkpoint cannot be used; nothing was written.
    """

    def __init__(self, config: StyleConfig, folder: Path, device: str | None = None) -> None:
        self.clock = RunClock()
        self.config, self.folder = config, folder
        self.stage = Stage.of(config, folder, default_device() if device is None else device)
        self.styled, self.stopwatch = self.stage.styled, self.stage.stopwatch
        self.parts = loop.StepParts()
        self.objective: Objective
        if config.prompt.strip():
            self.objective = ClipObjective(self.stage)
        else:
            self.objective = EditObjective(self.stage, self.parts.should_stop, self.parts.on_progress)
        self.optimizer = torch.optim.Adam(self.styled.field.parameters(), lr=config.learning_rate)
        shown = ShownMesh(self.stage, self.objective)
        self.results = EditResults(
            folder, shown, self.clock, self.stopwatch, config.turntable_frames, provenance=config.provenance
        )
        self.done_steps = 0

    def fit(self) -> bool:
        """Make the remaining steps, then write the results; see `editor3d.run.loop.run`."""
        config = self.config
        return loop.run(self, self.folder, name=METHOD, steps=config.steps, steps_per_save=config.steps_per_save)

    def prepare(self) -> None:
        """Prepare the objective; a new run that cannot start leaves no folder behind."""
        new = not (self.folder / CONFIG).exists()
        try:
            self.config.write(self.folder)
            self.objective.begin()
        except Editor3DError:
            if new:
                shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def step(self) -> float:
        """One optimisation step; its loss."""
        step, total = self.done_steps, self.config.steps
        self.objective.before_step(step)
        with self.stopwatch.measure("fit"):
            opening = self.config.style.opening
            self.styled.field.open_to(1.0 if opening == 0.0 else min(1.0, (step + 1) / (opening * total)))
            fall = 0.5 * (1.0 + math.cos(math.pi * step / total))
            for group in self.optimizer.param_groups:
                group["lr"] = self.config.learning_rate * (_SETTLED + (1.0 - _SETTLED) * fall)
            self.optimizer.zero_grad(set_to_none=True)
            loss = self.objective.loss(step)
            loss.backward()
            self.optimizer.step()
        self.done_steps = step + 1
        return loss.item()

    def state(self) -> dict[str, Any]:
        return {
            "pipeline": self.styled.field.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.stage.generator.get_state(),
            "objective": self.objective.state_dict(),
        }

    def load_state(self, state: Mapping[str, Any], path: Path) -> None:
        load_field(self.styled.field, state, path)
        self.optimizer.load_state_dict(state["optimizer"])
        self.stage.generator.set_state(state["generator"])
        self.objective.load_state_dict(state["objective"])

    def saved(self) -> None:
        self.objective.saved()
