"""What was opened and edited: the scene, and a tree of edits, each of which starts from an earlier one. Kept in a file,
so that a page that is loaded anew, and a studio that is started anew, find it as it was."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from editor3d.datasets.locate import DEMO, is_run
from editor3d.errors import ConfigError, Editor3DError, shown
from editor3d.files.safe_open import read_json
from editor3d.files.writing import write_json
from editor3d.service.jobs.queue import FINISHED, Job, JobQueue, Snapshot
from editor3d.service.jobs.requests import parse_request

ROOT = "0"
"""The id of the scene as it was opened."""
MOST_ENTRIES = 500
DEMO_STEPS = 1500
"""Of the demo's reconstruction, as `make demo` has it."""
_CURRENT = "current.json"


class Entry(Struct, kw_only=True):
    """The scene as it was opened, or one edit."""

    id: str
    parent: str = ""
    """The entry that it starts from; empty for the scene itself."""
    instruction: str = ""
    settings: dict[str, Any] = {}
    run: str = ""
    """The folder of its run, once it is done."""
    job: str = ""
    """The job that makes it."""
    state: str = "running"
    """As of a job."""
    error: str = ""
    created: float = 0.0
    seconds: float = 0.0


class Saved(Struct, kw_only=True):
    """A project's file."""

    source: str
    """What was opened: the word demo, or an absolute path."""
    settings: dict[str, Any] = {}
    """Of the reconstruction."""
    entries: list[Entry] = []
    current: str = ROOT
    """The entry that is shown."""


class Project:
    """The project that is open.

    Args:
        folder: the studio's own; projects are kept in it, one file for each scene.
        jobs: carry out what is asked for.
    """

    def __init__(self, folder: Path, jobs: JobQueue) -> None:
        self._folder, self._jobs = folder, jobs
        self._lock = threading.RLock()
        self._saved: Saved | None = None
        self._export = ""
        source = _read(folder / _CURRENT, dict)
        if isinstance(source, dict) and isinstance(source.get("source"), str):
            self._saved = _read(self._file(source["source"]), Saved)
        if self._saved is not None:
            self._continue(self._saved)

    def open(self, source: str, settings: Mapping[str, Any] | None = None) -> None:
        """Open a scene; one that was opened before comes back with its edits.

        Args:
            source: the word demo, or the absolute path of a capture, a run or a file of splats.
            settings: of the reconstruction, as the service takes them.

        Raises:
            ConfigError: there is no such scene, or a job runs.
        """
        with self._lock:
            self.refresh()
            if self._running() is not None:
                raise ConfigError("A job runs: wait for it, or cancel it, and open the scene then.")
            known = _read(self._file(source), Saved)
            if known is not None and known.entries and _is_there(known.entries[0]):
                self._saved = known
                self._continue(known)
            else:
                usual = {"steps": DEMO_STEPS} if source == DEMO else {}
                saved = Saved(source=source, settings={**usual, **(settings or {})})
                root = Entry(id=ROOT, created=time.time())
                saved.entries = [root]
                if source != DEMO and is_run(Path(source)):
                    root.run, root.state = source, "done"
                else:
                    self._reconstruct(saved, root)
                self._saved = saved
            self._export = ""
            write_json(self._folder / _CURRENT, {"source": source})
            self._save()

    def edit(self, instruction: str, settings: Mapping[str, Any]) -> Entry:
        """Edit the scene of the current entry.

        Args:
            settings: as the service takes them for a job of the kind `scene`.

        Raises:
            ConfigError: nothing is open yet, a job runs, or a setting is refused.
        """
        with self._lock:
            self.refresh()
            saved = self._opened()
            parent = self._entry(saved.current)
            if not parent.run:
                raise ConfigError("The scene is not there yet: wait until it is reconstructed.")
            if self._running() is not None:
                raise ConfigError("A job runs: wait for it, or cancel it, and edit then.")
            if len(saved.entries) >= MOST_ENTRIES:
                raise ConfigError(f"The history holds {MOST_ENTRIES} edits: open the last one's run as a new scene.")
            number = 1 + max(int(entry.id) for entry in saved.entries)
            entry = Entry(
                id=str(number), parent=parent.id, instruction=instruction, settings=dict(settings), created=time.time()
            )
            self._start_edit(entry, parent.run)
            saved.entries.append(entry)
            self._save()
            return entry

    def export(self, key: str, format: str, suffix: str, strength: float = 1.0) -> None:
        """Write the scene of an entry as a file, or a turn around it as a video.

        Args:
            strength: of an edit of splats, 0 to 1.

        Raises:
            ConfigError: the entry has no scene, or a job runs.
        """
        with self._lock:
            self.refresh()
            if self._running() is not None:
                raise ConfigError("A job runs: wait for it, or cancel it, and export then.")
            run = self._entry(key).run
            if not run:
                raise ConfigError("This edit has no scene: choose one that is done.")
            settings = {"format": format, "suffix": suffix, **({"strength": strength} if strength != 1.0 else {})}
            self._export = self._submit({"kind": "export", "inputs": {"run": {"path": run}}, "settings": settings}).id

    def select(self, key: str) -> None:
        """Show an entry; the next edit starts from it.

        Raises:
            ConfigError: there is no such entry, or it has no scene.
        """
        with self._lock:
            self.refresh()
            if not self._entry(key).run:
                raise ConfigError("This edit has no scene: choose one that is done.")
            self._opened().current = key
            self._save()

    def remove(self, key: str) -> None:
        """Forget an edit and those that start from it; their runs stay on disk.

        Raises:
            ConfigError: there is no such entry, it is the scene itself, or a job runs.
        """
        with self._lock:
            self.refresh()
            saved, entry = self._opened(), self._entry(key)
            if key == ROOT or self._running() is not None:
                raise ConfigError("The scene itself stays, and edits stay while a job runs: choose another, or wait.")
            gone = {key}
            for other in saved.entries:  # in the order in which they were made: parents first
                if other.parent in gone:
                    gone.add(other.id)
            saved.entries = [other for other in saved.entries if other.id not in gone]
            if saved.current in gone:
                saved.current = entry.parent
            self._save()

    def again(self) -> None:
        """Reconstruct the scene anew where that failed or was cancelled; what was done of it is kept.

        Raises:
            ConfigError: nothing is open, a job runs, or the scene is there.
        """
        with self._lock:
            self.refresh()
            saved, root = self._opened(), self._entry(ROOT)
            if root.run or self._running() is not None:
                raise ConfigError("The scene is there, or is being made: nothing is to be done again.")
            self._reconstruct(saved, root)
            self._save()

    def cancel(self) -> None:
        """Stop the job that runs, if one does."""
        with self._lock:
            job = self._running()
        if job is not None:
            self._jobs.cancel(job)

    def run_of(self, key: str) -> str:
        """The run of an entry.

        Raises:
            ConfigError: there is no such entry, or it has no scene yet.
        """
        with self._lock:
            self.refresh()
            run = self._entry(key).run
        if not run:
            raise ConfigError("This edit has no scene yet: wait until it is done.")
        return run

    def refresh(self) -> None:
        """Take over what jobs have come to."""
        with self._lock:
            saved, changed = self._saved, False
            for entry in [] if saved is None else saved.entries:
                job = self._jobs.get(entry.job) if entry.job and entry.state not in FINISHED else None
                if saved is None or job is None or job.state not in FINISHED:
                    continue
                snapshot, made = job.snapshot(), job.watched.results
                run = made.get("base" if entry.id == ROOT else "run")
                entry.state, entry.error, entry.seconds = job.state, snapshot.error, snapshot.seconds
                if job.state == "done" and run is None:
                    entry.state, entry.error = "failed", "Expected a run of the job, got none: see its log."
                elif job.state == "done":
                    entry.run = str(run)
                    saved.current = entry.id
                changed = True
            if changed:
                self._save()

    def state(self) -> dict[str, Any]:
        """All that a page shows, as JSON values."""
        with self._lock:
            self.refresh()
            saved = self._saved
            running = self._running() or (self._jobs.get(self._export) if self._export else None)
            exported = self._jobs.get(self._export) if self._export else None
            return {
                "source": "" if saved is None else saved.source,
                "current": "" if saved is None else saved.current,
                "entries": [] if saved is None else [_told(entry) for entry in saved.entries],
                "job": None if running is None else _brief(running.snapshot()),
                "exported": None if exported is None else _brief(exported.snapshot()),
            }

    def _continue(self, saved: Saved) -> None:
        """Take up what a studio that ended has left unfinished."""
        for entry in saved.entries:
            if entry.state in FINISHED:
                continue
            parent = next((other for other in saved.entries if other.id == entry.parent), None)
            try:
                if parent is None:
                    self._reconstruct(saved, entry)
                else:
                    self._start_edit(entry, parent.run)
            except Editor3DError as error:
                entry.state, entry.error = "failed", str(error)
        self._save()

    def _reconstruct(self, saved: Saved, root: Entry) -> None:
        body = {"kind": "reconstruct", "inputs": {"scene": {"path": saved.source}}, "settings": saved.settings}
        root.job, root.state, root.error = self._submit(body).id, "running", ""

    def _start_edit(self, entry: Entry, run: str) -> None:
        settings = {**entry.settings, "format": "none"}
        body = {"kind": "scene", "instruction": entry.instruction, "inputs": {"scene": {"path": run}}}
        entry.job, entry.state = self._submit({**body, "settings": settings}).id, "running"

    def _submit(self, body: dict[str, Any]) -> Job:
        return self._jobs.submit(parse_request(msgspec.json.encode(body), {}))

    def _running(self) -> Job | None:
        return next((job for job in self._jobs.all() if job.state not in FINISHED), None)

    def _opened(self) -> Saved:
        if self._saved is None:
            raise ConfigError("No scene is open: open one first.")
        return self._saved

    def _entry(self, key: str) -> Entry:
        for entry in self._opened().entries:
            if entry.id == key:
                return entry
        raise ConfigError(f"There is no edit {shown(key)} in the history: reload the page.")

    def _file(self, source: str) -> Path:
        return self._folder / f"project-{hashlib.sha256(source.encode()).hexdigest()[:16]}.json"

    def _save(self) -> None:
        if self._saved is not None:
            write_json(self._file(self._saved.source), msgspec.to_builtins(self._saved))


def _read(path: Path, kind: type) -> Any:
    """A file of the studio's own; None where it is not there, or damaged."""
    try:
        return msgspec.convert(read_json(path), kind)
    except (OSError, Editor3DError, msgspec.ValidationError):
        return None


def _is_there(entry: Entry) -> bool:
    return bool(entry.run) and (Path(entry.run) / "config.yml").is_file()


def _told(entry: Entry) -> dict[str, Any]:
    found = msgspec.to_builtins(entry)
    return {name: found[name] for name in found if name != "run"} | {"there": bool(entry.run)}


def _brief(job: Snapshot) -> dict[str, Any]:
    """What a page shows of a job."""
    found = msgspec.to_builtins(job)
    kept = ("id", "kind", "state", "step", "progress", "error", "picture_revision", "files")
    return {name: found[name] for name in kept} | {"seconds": round(job.seconds)}
