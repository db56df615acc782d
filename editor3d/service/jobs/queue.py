"""Jobs: commands of the project as processes of their own, one job after the other, each with a private folder."""

from __future__ import annotations

import os
import queue
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from editor3d.errors import ConfigError, Editor3DError
from editor3d.run.events import Progress
from editor3d.service.jobs import owned
from editor3d.service.jobs.children import Children
from editor3d.service.jobs.commands import Places, Step, steps_of
from editor3d.service.jobs.kept_runs import remove_old_runs, runs_below
from editor3d.service.jobs.pictures import PREVIEW, copy_pairs, files_below, save_preview_sheet
from editor3d.service.jobs.requests import KINDS, JobRequest
from editor3d.service.jobs.uploads import UPLOADS
from editor3d.service.jobs.watched import Watched

_NOTHING_YET = Progress(what="", done=0, total=0, unit="")
State = Literal["queued", "running", "done", "failed", "cancelled"]
FINISHED = ("done", "failed", "cancelled")
MAX_QUEUED = 16
KEPT_JOBS = 50
"""Finished jobs whose folders are kept; the oldest go first."""
KEPT_DAYS = 7
"""Folders of earlier services are kept for so long."""
_KILL_AFTER = 0.2
"""Seconds between asking a command to end and making it; what it printed and saved is kept."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """How a job stands."""

    id: str
    kind: str
    instruction: str
    settings: dict[str, Any]
    state: State
    step: Annotated[str, Meta(description="The step that runs, or ran last.")]
    steps: Annotated[list[str], Meta(description="All steps, in order.")]
    progress: Annotated[Progress, Meta(description="Of the step that runs.")]
    error: Annotated[str, Meta(description="Why it failed, in one sentence; else empty.")]
    created: Annotated[float, Meta(description="Seconds since 1970.")]
    seconds: Annotated[float, Meta(description="How long it has run.")]
    picture_revision: Annotated[int, Meta(description="Grows with each new picture; 0 while there is none.")]
    files: Annotated[dict[str, int], Meta(description="Sizes in bytes of the results, by name.")]
    log: Annotated[str, Meta(description="The end of what its commands printed.")]


@dataclass
class Job:
    """One job. Its fields change in the thread that runs it; readers take `snapshot`."""

    id: str
    request: JobRequest
    places: Places
    steps: tuple[Step, ...]
    state: State = "queued"
    step: int = 0
    error: str = ""
    created: float = field(default_factory=time.time)
    started: float | None = None
    ended: float | None = None
    process: subprocess.Popen | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    watched: Watched = field(init=False)
    """What its commands tell of it."""

    def __post_init__(self) -> None:
        self.watched = Watched(self.places.folder / "events.jsonl", (self.places.folder, self.places.runs))

    @property
    def log(self) -> Path:
        """What its commands print, for people."""
        return self.places.folder / "log.txt"

    def snapshot(self) -> Snapshot:
        """How it stands now."""
        progress = (self.watched.progress if self.state == "running" else None) or _NOTHING_YET
        picture = self.watched.picture
        return Snapshot(
            id=self.id,
            kind=self.request.kind,
            instruction=self.request.instruction,
            settings=self.request.settings.given(),
            state=self.state,
            step=self.steps[min(self.step, len(self.steps) - 1)].name,
            steps=[step.name for step in self.steps],
            progress=progress,
            error=self.error,
            created=self.created,
            seconds=(self.ended or time.time()) - self.started if self.started else 0.0,
            picture_revision=picture[1] if picture else 0,
            files=self.files(),
            log=_end_of(self.log),
        )

    def files(self) -> dict[str, int]:
        """Sizes in bytes of the results, by name."""
        folder = self.places.result
        sizes = {}
        for path in sorted(files_below(folder)):
            with suppress(FileNotFoundError):  # written under another name just now
                sizes[path.relative_to(folder).as_posix()] = path.stat().st_size
        return sizes


class JobQueue:
    """Runs jobs one after the other.

    Args:
        folder: jobs, uploads and kept reconstructions go to a private folder of the service's own in it.
        command: the words that run a command of the project, whose own words come as JSON on its standard input, where
            they are in no list of processes; this project by default.
        runs: a folder of the user's own for runs, in which nothing is removed; one in `folder` by default, in which
            old ones are.
        ahead: whether a process is kept ready, which has imported what the next job needs.

    Raises:
        ConfigError: the folder cannot be written, or something else has the name of the service's own.
    """

    def __init__(
        self, folder: Path, command: Sequence[str] | None = None, runs: Path | None = None, ahead: bool = False
    ) -> None:
        self._runs = runs
        self.folder = owned.root(folder)
        self._children = Children(command, ahead)
        _remove_old([*self.folder.glob("jobs/*"), *self.folder.glob(f"{UPLOADS}*")])
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._waiting: queue.SimpleQueue[Job | Literal["prepare"] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)
        self._thread.start()
        self.last_active = time.monotonic()

    def submit(self, request: JobRequest, steps: Callable[[Places], tuple[Step, ...]] | None = None) -> Job:
        """Queue a job.

        Args:
            steps: the commands that carry it out, by where it keeps its files; those of its kind by default.

        Raises:
            ConfigError: too many are waiting.
        """
        with self._lock:
            waiting = sum(job.state == "queued" for job in self._jobs.values())
            if waiting >= MAX_QUEUED:
                raise ConfigError(f"{waiting} jobs are waiting already: wait for them, or cancel some.")
            name = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}"
            folder = self.folder / "jobs" / name
            folder.parent.mkdir(mode=0o700, exist_ok=True)
            owned.make(folder)
            places = Places(folder, self.folder / "runs" if self._runs is None else self._runs)
            job = Job(name, request, places, steps_of(request, places) if steps is None else steps(places))
            self._jobs[name] = job
            self._forget_old()
        self._waiting.put(job)
        return job

    def prepare(self) -> None:
        """Start the process of the next job now, where one is to be kept ready: the machine is idle enough."""
        self._waiting.put("prepare")

    def get(self, name: str) -> Job | None:
        with self._lock:
            return self._jobs.get(name)

    def all(self) -> list[Job]:
        """The newest first."""
        with self._lock:
            return list(self._jobs.values())[::-1]

    @property
    def busy(self) -> bool:
        return any(job.state not in FINISHED for job in self.all())

    def cancel(self, job: Job) -> None:
        """Stop a job at once: its process group gets a signal to end, and is killed if it does not."""
        with self._lock:
            job.stop.set()
            if job.state == "queued":
                job.state, job.ended = "cancelled", time.time()
            process = job.process
        if process is not None:
            _end_group(process)

    def remove(self, job: Job) -> None:
        """Forget a job and its folder; a running one is cancelled first."""
        process = job.process  # the thread that runs the job takes it off when it has ended
        self.cancel(job)
        if process is not None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5.0)
        with self._lock:
            self._jobs.pop(job.id, None)
        owned.remove(job.places.folder)

    def close(self) -> None:
        """Cancel everything and end the thread."""
        for job in self.all():
            if job.state not in FINISHED:
                self.cancel(job)
        self._waiting.put(None)
        self._thread.join(timeout=10.0)

    def _forget_old(self) -> None:
        finished = [job for job in self._jobs.values() if job.state in FINISHED]
        for job in finished[: max(0, len(finished) - KEPT_JOBS)]:
            del self._jobs[job.id]
            owned.remove(job.places.folder)

    def _work(self) -> None:
        while (job := self._waiting.get()) is not None:
            if isinstance(job, Job):
                self._run(job)
                self.last_active = time.monotonic()
            self._children.prepare()
        self._children.close()

    def _run(self, job: Job) -> None:
        with self._lock:
            if job.state != "queued":
                return
            job.state, job.started = "running", time.time()
        state, error = "done", ""
        earlier: set[Path] | None = None  # not known: then no run can be distinguished from a user's own
        try:
            # jobs run one after the other: nothing is at work in that folder now
            if self._runs is None:
                remove_old_runs(job.places.runs)
                earlier = runs_below(job.places.runs)
            for index, step in enumerate(job.steps):
                job.step = index
                code = self._run_step(job, step)
                if job.stop.is_set():
                    break
                if code != 0:
                    state, error = (
                        "failed",
                        job.watched.error or f"{step.name} ended with exit code {code}: see the log",
                    )
                    break
            else:
                self._collect(job)
        except OSError as failure:
            state, error = "failed", f"{failure.strerror or failure}: {failure.filename or job.places.folder}"
        except (ValueError, Editor3DError) as failure:  # the jobs after it are to run all the same
            state, error = "failed", str(failure)
        if earlier is not None:
            for run in runs_below(job.places.runs) - earlier:  # made by this job, and so the service's to remove
                with suppress(OSError):
                    owned.mark(run)
        with self._lock:
            job.state = "cancelled" if job.stop.is_set() else state
            job.error, job.ended, job.process = error, time.time(), None

    def _run_step(self, job: Job, step: Step) -> int:
        job.watched.begin_step()
        words = [*step.words(job.watched.results), "--events", str(job.watched.path)]
        with self._lock:
            if job.stop.is_set():
                return 0
            job.process, told = self._children.begin(job.places.folder, job.log, words)
        with suppress(BrokenPipeError):
            job.process.communicate(told)
        code = job.process.wait()
        if job.stop.is_set():
            _signal_group(job.process, kill=True)  # what the command itself started, and left
        return code

    def _collect(self, job: Job) -> None:
        """Put pictures of the finished run, and its record, beside the result."""
        places, kind = job.places, job.request.kind
        places.result.mkdir(exist_ok=True)
        if kind in ("scene-preview", "picture-preview", "reconstruct", "export") or kind not in KINDS:
            return
        if kind == "refine":
            for name in ("best.py", "before_after.png", "edit.json"):
                shutil.copyfile(places.work / name, places.result / name)
            return
        run = job.watched.results.get("run")
        if run is None:  # the disk was too full to tell of it: the result is there all the same
            return
        with suppress(FileNotFoundError):
            copy_pairs(places, run, preview=kind == "mesh-preview")
            shutil.copyfile(run / "edit.json", places.result / "edit.json")
            sheet = places.result / (PREVIEW if kind == "mesh-preview" else "before_after.png")
            if kind == "mesh-preview":
                save_preview_sheet(places, job.request.instruction)
            else:
                shutil.copyfile(run / sheet.name, sheet)
            job.watched.show(sheet)


def _end_of(log: Path, size: int = 2000) -> str:
    """The last bytes of a log as text."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - size))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _remove_old(folders: Sequence[Path]) -> None:
    """Take away what services of the days before left."""
    for folder in folders:
        if owned.is_owned(folder) and time.time() - folder.stat().st_mtime > KEPT_DAYS * 86_400:
            owned.remove(folder)


def _end_group(process: subprocess.Popen) -> None:
    """Ask a process group to end, and kill what is left of it a moment later."""
    _signal_group(process, kill=False)
    timer = threading.Timer(_KILL_AFTER, _signal_group, (process, True))
    timer.daemon = True
    timer.start()


def _signal_group(process: subprocess.Popen, kill: bool) -> None:
    if sys.platform == "win32":
        process.kill()
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL if kill else signal.SIGTERM)
