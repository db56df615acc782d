"""One styling of a mesh: prepare, fit, save, resume. Views are edited in 2D, or looked at by CLIP, and fitted."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import torch

from editor3d.errors import CheckpointError, Editor3DError
from editor3d.host.device import default_device
from editor3d.host.stopwatch import Stopwatch
from editor3d.regions import parse_region
from editor3d.run import checkpoints
from editor3d.run.clock import RunClock
from editor3d.run.events import Result, absolute, emit
from editor3d.run.progress import TrainingProgress
from editor3d.run.stopping import stop_on_signal, stopped
from editor3d.types import Freeze
from editor3d.update.engine import EditInterrupted
from mesh.io.read import read_mesh
from mesh.model.field import StyleField
from mesh.model.styled import StyledMesh
from mesh.refine import refined
from mesh.render.cameras import cameras_round
from mesh.style.clip_objective import ClipObjective
from mesh.style.config import CONFIG, StyleConfig
from mesh.style.objectives import EditObjective, Objective
from mesh.style.results import StyleResults

METHOD = "mesh-style"
LEAST_VERTICES = 10_000
"""Vertices from which colours between them are fine enough; fewer are multiplied where the shape may change."""
_SETTLED = 0.02
"""Learning rate at the end, as a share of the first."""


class StyleRun:
    """A run in a folder: a new one, or the continuation of one that holds checkpoints.

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
        self.device = default_device() if device is None else device
        self.stopwatch = Stopwatch()
        self.generator = torch.Generator().manual_seed(config.seed)
        self.styled = styled_mesh(config, self.generator, self.device)
        self.train_cameras, self.held_out_cameras = cameras_round(self.styled.rest.cpu().double().numpy(), config.views)
        kind = ClipObjective if config.prompt.strip() else EditObjective
        self.objective: Objective = kind(self)
        self.optimizer = torch.optim.Adam(self.styled.field.parameters(), lr=config.learning_rate)
        self.results = StyleResults(self)
        self.done_steps = 0

    def fit(self) -> bool:
        """Make the remaining steps, then write the results; a finished run is left as it is.

        Returns:
            False if a stop was asked for before the last step.

        Raises:
            CheckpointError: the newest checkpoint is damaged or of another kind.
        """
        self._begin()
        self._resume()
        total = self.config.steps
        if self.done_steps >= total and self.results.complete:
            self.results.announce()
            return True
        if self.done_steps == 0:
            self.results.save_before()
        with stop_on_signal() as stop, TrainingProgress(METHOD, self.done_steps, total) as progress:
            self.objective.should_stop = lambda: stop.asked
            self.objective.on_progress = lambda done, due: progress.update(
                self.done_steps, f"2D edit {done}/{due}" if due > 1 else ""
            )
            try:
                while self.done_steps < total and not stop.asked:
                    self.step()
                    progress.update(self.done_steps)
                    if self.done_steps % self.config.steps_per_save == 0 and self.done_steps < total:
                        self.save()
                        self.results.save_progress()
            except EditInterrupted:
                pass  # between two 2D edits; the step is made again
            self.save()
        if self.done_steps < total:
            print(stopped(self.folder, self.done_steps, total), flush=True)
            emit(Result(kind="run", path=absolute(self.folder)))
            return False
        self.results.save_after()
        self.results.save_record()
        self.results.announce()
        return True

    def _begin(self) -> None:
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

    def save(self) -> None:
        """Write a checkpoint, whole or not at all, then remove the older ones and what they alone needed."""
        if self.done_steps == 0:
            return
        checkpoints.save_newest(
            self.folder / "checkpoints",
            self.done_steps,
            {
                "pipeline": self.styled.field.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "generator": self.generator.get_state(),
                "objective": self.objective.state_dict(),
                **self.clock.state(self.stopwatch),
            },
        )
        self.objective.saved()

    def _resume(self) -> None:
        folder = self.folder / "checkpoints"
        if not checkpoints.find_checkpoints(folder):
            return
        path = checkpoints.latest_checkpoint(folder)
        state = checkpoints.load(path)
        load_field(self.styled.field, state, path)
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.objective.load_state_dict(state["objective"])
        self.clock.load_state(state, self.stopwatch)
        self.done_steps = state["step"]
        print(f"Going on after step {self.done_steps} of {path}")


def styled_mesh(config: StyleConfig, generator: torch.Generator, device: str) -> StyledMesh:
    """The mesh of a run under a field that changes nothing yet.

    Raises:
        DataError, RegionError: as `read_mesh` and `StyledMesh.confine`.
    """
    surface = read_mesh(config.mesh)
    if config.style.displacement > 0.0:
        surface = refined(surface, LEAST_VERTICES)
    at_points = config.detail == "points"
    if config.detail == "auto":
        at_points = surface.is_textured or len(surface.vertices) < LEAST_VERTICES
    styled = StyledMesh(
        surface,
        StyleField(config.style, generator),
        config.lights,
        config.background,
        at_points=at_points,
        device=device,
    )
    if config.region:
        styled.confine(Freeze(parse_region(config.region)))
    return styled


def load_field(field: StyleField, state: dict, path: Path) -> None:
    """Take over a field's parameters from a checkpoint.

    Raises:
        CheckpointError: they are of another kind or size.
    """
    try:
        field.load_state_dict(state["pipeline"])
    except RuntimeError as error:
        raise CheckpointError(
            f"Expected a style field of this run's sizes in {path}, found another ({str(error).splitlines()[-1]}): "
            f"start the run anew."
        ) from error
