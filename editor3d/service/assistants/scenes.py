"""The scenes that an assistant has opened: what each is now, and what it was before each edit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from editor3d.errors import ConfigError, shown
from editor3d.service.jobs.queue import FINISHED, Job


@dataclass
class Edited:
    """One state of a scene after its first."""

    run: Path
    """The folder of the edit's run."""
    instruction: str


@dataclass
class OpenScene:
    """A capture, a run or a file of splats, and the edits made of it in this session."""

    name: str
    source: str
    """As `editor3d edit` takes it: an absolute path, or the word demo."""
    draft: bool
    """Its pictures are read at half their size."""
    edits: list[Edited] = field(default_factory=list)
    region: str | None = None
    """Where later edits may change it; None is everywhere."""
    at_work: Job | None = None
    """The edit that was begun last."""

    @property
    def current(self) -> str:
        """What the next edit starts from."""
        self.settle()
        return str(self.edits[-1].run) if self.edits else self.source

    @property
    def run(self) -> Path:
        """The run of the newest edit.

        Raises:
            ConfigError: nothing was edited yet.
        """
        self.settle()
        if not self.edits:
            raise ConfigError(f"Expected a scene that was edited, but {self.name} is as it was opened: edit it first.")
        return self.edits[-1].run

    def settle(self) -> None:
        """Take over the edit at work, if it is done."""
        job = self.at_work
        if job is None or job.state not in FINISHED:
            return
        self.at_work = None
        run = job.watched.results.get("run")
        if job.state == "done" and run is not None:
            self.edits.append(Edited(run, job.request.instruction))

    def require_idle(self) -> None:
        """
        Raises:
            ConfigError: an edit of it is at work.
        """
        self.settle()
        if self.at_work is not None:
            raise ConfigError(
                f"Expected {self.name} to be at rest, but the job {self.at_work.id} edits it: wait for it by the tool "
                "status, or stop it by cancel."
            )

    def undo(self) -> str:
        """Go back to what it was before its newest edit; that edit's instruction.

        Raises:
            ConfigError: an edit of it is at work, or there is none to undo.
        """
        self.require_idle()
        if not self.edits:
            raise ConfigError(f"Expected an edit to undo, but {self.name} is as it was opened.")
        return self.edits.pop().instruction


class Scenes:
    """All scenes of a session, by name."""

    def __init__(self) -> None:
        self._scenes: dict[str, OpenScene] = {}

    def __iter__(self) -> Iterator[OpenScene]:
        return iter(list(self._scenes.values()))

    def open(self, source: str, draft: bool) -> OpenScene:
        """Add a scene under a new name."""
        name = f"scene-{len(self._scenes) + 1}"
        self._scenes[name] = OpenScene(name, source, draft)
        return self._scenes[name]

    def __getitem__(self, name: str) -> OpenScene:
        """
        Raises:
            ConfigError: none has this name.
        """
        if name not in self._scenes:
            known = ", ".join(self._scenes) or "none yet: open one by open_scene"
            raise ConfigError(f"There is no scene {shown(name)}; there are {known}.")
        return self._scenes[name]
