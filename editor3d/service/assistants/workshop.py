"""Carry out what an assistant asks for: commands of the project, as jobs that run one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout

from editor3d.editors.catalogue import EDITORS
from editor3d.errors import ConfigError, shown
from editor3d.service.assistants.scenes import OpenScene, Scenes
from editor3d.service.jobs.commands import Places, Step, edit_words, run_of, style_words
from editor3d.service.jobs.queue import Job, JobQueue
from editor3d.service.jobs.requests import JobRequest, parse_request
from editor3d.service.jobs.settings import Settings

_MOST_SESSIONS = 16
_KEPT_LOG = 600
"""Characters of a failed job's log that are told."""


class Workshop:
    """One assistant's session: its scenes, and the jobs that work on them.

    Args:
        queue: runs the jobs.
    """

    def __init__(self, queue: JobQueue) -> None:
        self.queue = queue
        self.scenes = Scenes()

    def job(self, name: str) -> Job:
        """
        Raises:
            ConfigError: there is none of this name.
        """
        job = self.queue.get(name)
        if job is None:
            raise ConfigError(f"There is no job {shown(name)}: the tool that begins one returns its name.")
        return job

    def plan(self, scene: OpenScene, instruction: str, options: Mapping[str, Any]) -> Job:
        """Have it said what an edit will take, before any picture is edited."""
        scene.require_idle()
        request = self._edit_request(scene, instruction, options)

        def steps(places: Places) -> tuple[Step, ...]:
            return (Step("plan", lambda made: ["plan", *edit_words(request, places)[1:]]),)

        return self.queue.submit(JobRequest("plan", instruction, request.inputs, request.settings), steps)

    def edit(self, scene: OpenScene, instruction: str, options: Mapping[str, Any], budget: float) -> Job:
        """Edit a scene; what a service charges stays within the budget.

        Args:
            budget: US dollars.
        """
        scene.require_idle()
        request = self._edit_request(scene, instruction, options)

        def steps(places: Places) -> tuple[Step, ...]:
            return (Step("edit", lambda made: edit_words(request, places, f"--budget={budget!r}")),)

        scene.at_work = self.queue.submit(request, steps)
        return scene.at_work

    def carry_out(self, scene: OpenScene, plan: Job, budget: float) -> Job:
        """Carry a plan out, within the budget in US dollars.

        Raises:
            ConfigError: the plan is not finished, or an edit of the scene is at work.
        """
        scene.require_idle()
        if plan.request.kind != "plan" or plan.state != "done":
            raise ConfigError(f"Expected a finished plan, but the job {plan.id} is none: wait for it by status.")
        run = run_of(plan.watched.results)
        words = ["resume", str(run), f"--budget={budget!r}"]
        request = JobRequest("scene", plan.request.instruction, plan.request.inputs, plan.request.settings)
        scene.at_work = self.queue.submit(request, lambda places: (Step("edit", lambda made: words),))
        return scene.at_work

    def evaluate(self, scene: OpenScene) -> Job:
        """Judge the newest edit of a scene."""
        return self._command("evaluate", ["eval", str(scene.run), "--json"])

    def export(self, scene: OpenScene, format: str) -> Job:
        """Write a scene for other programs, in the folder of the job."""
        suffix = {"mesh": ".glb", "pointcloud": ".ply", "splats": ".ply", "images": ""}[format]
        run = str(scene.run)

        def steps(places: Places) -> tuple[Step, ...]:
            output = places.result / f"{format}{suffix}"
            return (Step("export", lambda made: ["export", run, "--format", format, "--output", str(output)]),)

        return self.queue.submit(JobRequest("export", format, {}, Settings()), steps)

    def render(self, scene: OpenScene, views: list[str], path: str) -> Job:
        """Render views of a scene that was edited.

        Args:
            path: train or test, what the views are for.
        """
        run = str(scene.run)
        names = ["--views", ",".join(views)] if views else []

        def steps(places: Places) -> tuple[Step, ...]:
            words = ["render", run, "--path", path, "--output", str(places.result), *names]
            return (Step("render", lambda made: words),)

        return self.queue.submit(JobRequest("render", path, {}, Settings()), steps)

    def style(self, path: str, instruction: str, options: Mapping[str, Any], budget: float) -> Job:
        """Restyle a mesh, within the budget in US dollars.

        Raises:
            ConfigError: something of it is missing, unknown or out of range.
        """
        request = self._request("mesh", instruction, {"mesh": path}, options)

        def steps(places: Places) -> tuple[Step, ...]:
            return (Step("style", lambda made: style_words(request, places, agreed=f"--budget={budget!r}")),)

        return self.queue.submit(request, steps)

    def refine(self, files: Mapping[str, str | None], instruction: str, options: Mapping[str, Any]) -> Job:
        """Search for a better Blender program; nothing is paid.

        Raises:
            ConfigError: something of it is missing, unknown or out of range, or its 2D editor is a paid one.
        """
        name = str(options.get("editor") or "").partition(":")[0]
        if name in EDITORS and EDITORS[name].info.remote:
            raise ConfigError(f"Expected an editor that costs nothing for refine_program, got {name}: choose another.")
        return self.queue.submit(self._request("refine", instruction, files, options))

    def _request(
        self, kind: str, instruction: str, files: Mapping[str, str | None], options: Mapping[str, Any]
    ) -> JobRequest:
        inputs = {name: {"path": path} for name, path in files.items() if path is not None}
        body = {"kind": kind, "instruction": instruction, "inputs": inputs, "settings": dict(options)}
        return parse_request(json.dumps(body).encode(), {})

    def _edit_request(self, scene: OpenScene, instruction: str, options: Mapping[str, Any]) -> JobRequest:
        """
        Raises:
            ConfigError: an option is unknown or out of range, or the instruction is none.
        """
        source = scene.current
        settings = {**({} if scene.edits or not scene.draft else {"draft": True}), **options}
        if scene.region is not None:
            settings.setdefault("region", scene.region)
        return self._request("scene", instruction, {"scene": source}, settings)

    def _command(self, kind: str, words: list[str]) -> Job:
        request = JobRequest(kind, kind, {}, Settings())
        return self.queue.submit(request, lambda places: (Step(kind, lambda made: words),))

    def told(self, job: Job) -> dict[str, Any]:
        """How a job stands, as JSON values."""
        snapshot = job.snapshot()
        found: dict[str, Any] = {
            "job": job.id,
            "kind": job.request.kind,
            "state": snapshot.state,
            "seconds": round(snapshot.seconds, 1),
        }
        if snapshot.state == "running" and snapshot.progress.what:
            found["progress"] = msgspec.to_builtins(snapshot.progress)
        if snapshot.error:
            found |= {"error": snapshot.error, "log": snapshot.log[-_KEPT_LOG:]}
        plan = job.watched.plan
        if plan is not None:
            found["plan"] = {name: value for name, value in msgspec.to_builtins(plan).items() if name != "event"}
        if job.watched.cost:
            found["paid_usd"] = round(job.watched.cost, 4)
        results = {kind: str(path) for kind, path in job.watched.results.items()}
        if results:
            found["results"] = results
        if "report" in results and snapshot.state == "done":
            found["report"] = json.loads(Path(results["report"]).read_text(encoding="utf-8"))
        return found


@contextmanager
def own_folder(folder: Path) -> Iterator[Path]:
    """A folder within `folder` that no other session uses; each keeps its reconstructions for the next.

    Raises:
        ConfigError: all are in use, or none can be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(f"Expected a folder for jobs, but {folder} cannot be made ({error.strerror}).") from error
    for number in range(1, _MOST_SESSIONS + 1):
        place = folder / f"session-{number}"
        place.mkdir(mode=0o700, exist_ok=True)
        lock = FileLock(place / "lock", mode=0o600)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        try:
            yield place
        finally:
            lock.release()
        return
    raise ConfigError(f"Expected fewer than {_MOST_SESSIONS} sessions at once in {folder}: end one.")
