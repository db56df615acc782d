"""A plain optimisation loop for runs without nerfstudio's trainer: resume, step, save, stop, results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from editor3d.host.stopwatch import Stopwatch
from editor3d.run import checkpoints
from editor3d.run.clock import RunClock
from editor3d.run.progress import TrainingProgress
from editor3d.run.results import EditResults
from editor3d.run.stopping import ApprovalAwaited, StepInterrupted, Stop, say_awaited, say_stopped, stop_on_signal

CHECKPOINTS = "checkpoints"


class StepParts:
    """What a step of several parts, such as 2D edits, asks and reports between them.

    A job's objects get its two methods when they are made; the loop says later what the methods do.
    """

    def __init__(self) -> None:
        self.stop = Stop()
        self.shown: Callable[[int, int], None] = lambda done, due: None
        self.awaited: Path | None = None
        """The edited picture that the run waits to be accepted, where it ended for that."""

    def should_stop(self) -> bool:
        """Whether the step must end by `StepInterrupted`."""
        return self.stop.requested

    def on_progress(self, done: int, due: int) -> None:
        """Report that `done` of `due` parts are done."""
        self.shown(done, due)


class Job(Protocol):
    """What the loop drives."""

    done_steps: int
    """Raised by `step`."""
    clock: RunClock
    stopwatch: Stopwatch
    results: EditResults
    parts: StepParts

    def prepare(self) -> None:
        """Do what takes time or writes files before the first step of a session."""
        ...

    def step(self) -> object:
        """Make one step.

        Raises:
            StepInterrupted: a stop was requested during it; it will be repeated.
        """
        ...

    def state(self) -> dict[str, Any]:
        """What a resumed run needs besides steps and times, as tensors and plain values, `pipeline` among them."""
        ...

    def load_state(self, state: Mapping[str, Any], path: Path) -> None:
        """Restore what `state` gave.

        Raises:
            CheckpointError: it is of another kind; `path` is the checkpoint.
        """
        ...

    def saved(self) -> None:
        """A checkpoint was written: remove what only earlier ones needed."""
        ...


def run(job: Job, folder: Path, *, name: str, steps: int, steps_per_save: int) -> bool:
    """Make the remaining steps, then write the results; a finished run stays unchanged.

    A run whose folder holds checkpoints continues from the newest, and ends as an uninterrupted run does.

    Args:
        folder: the run's.
        name: what progress is shown under.
        steps: of the whole run, however often it is resumed.
        steps_per_save: steps between checkpoints.

    Returns:
        False if a stop was requested before the last step, or the first edit is to be looked at (`job.parts.awaited`);
        how to resume was printed.

    Raises:
        CheckpointError: the newest checkpoint is damaged or of another kind.
    """
    job.prepare()
    resume(job, folder)
    if job.done_steps >= steps and job.results.complete:
        job.results.announce()
        return True
    if job.done_steps == 0:
        job.results.save_before()
    with stop_on_signal(job.parts.stop) as stop, TrainingProgress(name, job.done_steps, steps) as progress:

        def show(done: int, due: int) -> None:
            progress.update(job.done_steps, f"2D edit {done}/{due}" if due > 1 else "")

        job.parts.shown = show
        try:
            while job.done_steps < steps and not stop.requested:
                job.step()
                progress.update(job.done_steps)
                if job.done_steps % steps_per_save == 0 and job.done_steps < steps:
                    save(job, folder)
                    job.results.save_progress(job.done_steps, steps)
        except StepInterrupted as stopped:  # the step is made again when the run is resumed
            job.parts.awaited = stopped.picture if isinstance(stopped, ApprovalAwaited) else None
        save(job, folder)
    if job.parts.awaited is not None:
        say_awaited(folder, job.parts.awaited)
        return False
    if job.done_steps < steps:
        say_stopped(folder, job.done_steps, steps)
        return False
    job.results.save_after()
    job.results.save_record(job.done_steps)
    job.results.announce()
    return True


def save(job: Job, folder: Path) -> None:
    """Write a checkpoint, whole or not at all, then remove the older ones and what they alone needed; before the first
    step there is nothing to write."""
    if job.done_steps == 0:
        return
    state = {**job.state(), **job.clock.state(job.stopwatch)}
    checkpoints.save_newest(folder / CHECKPOINTS, job.done_steps, state)
    job.saved()


def resume(job: Job, folder: Path) -> None:
    """Continue from the newest checkpoint, if there is one.

    Raises:
        CheckpointError: it is damaged or of another kind.
    """
    if not checkpoints.find_checkpoints(folder / CHECKPOINTS):
        return
    path = checkpoints.latest_checkpoint(folder / CHECKPOINTS)
    state = checkpoints.load(path)
    job.load_state(state, path)
    job.clock.load_state(state, job.stopwatch)
    job.done_steps = state["step"]
    print(f"Resuming after step {job.done_steps} of {path}", flush=True)
