"""What the service does at each request, after `access` and `bounds` have let it pass."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from editor3d.service.http import limits
from editor3d.service.http.answers import Refusal
from editor3d.service.http.bounds import require_length
from editor3d.service.http.service import Service
from editor3d.service.http.stream import LAST, follow, place_of
from editor3d.service.jobs.pictures import MAX_SIDE, small_picture
from editor3d.service.jobs.queue import FINISHED, Job, Snapshot
from editor3d.service.jobs.requests import KINDS, AnyJob, parse_request
from editor3d.service.jobs.state import PROTOCOL

PNG, PPM, BYTES, STREAM = "image/png", "image/x-portable-pixmap", "application/octet-stream", "text/event-stream"
_UPLOAD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class Health(Struct, frozen=True, kw_only=True):
    """What the service is, and what can be chosen."""

    name: str = "editor3d"
    version: str
    protocol: Annotated[int, Meta(description="Raised when an earlier client could misunderstand an answer.")]
    kinds: Annotated[list[str], Meta(description="The kinds of jobs.")]
    editors: list[str]
    presets: list[str]
    busy: Annotated[bool, Meta(description="Whether a job runs or waits.")]


class Upload(Struct, frozen=True, kw_only=True):
    """A file that is kept for jobs."""

    upload: Annotated[str, Meta(description="Its id.")]


class Jobs(Struct, frozen=True, kw_only=True):
    """All jobs that are kept, the newest first."""

    jobs: list[Snapshot]


class Done(Struct, frozen=True, kw_only=True):
    """It is done."""


class Problem(Struct, frozen=True, kw_only=True):
    """Why a request is refused."""

    error: Annotated[str, Meta(description="One sentence.")]


@dataclass(frozen=True)
class Operation:
    """One kind of request: `app` routes it, `openapi` publishes it."""

    method: str
    path: str
    """As Starlette writes it."""
    act: Callable[[Request], Response | Awaitable[Response]]
    """Its docstring says what it does. One that is no coroutine runs in a thread."""
    answer: Any
    """What the answer's JSON is, or its content types."""
    body: Any = None
    """What the body's JSON is, or its content type."""
    query: tuple[str, ...] = ()
    """Names after the question mark."""


def health(request: Request) -> Response:
    """Say what the service is, and what can be chosen."""
    from editor3d.editors import editor_names
    from editor3d.host.versions import package_version
    from editor3d.plugin.train.presets import preset_names

    return _json(
        Health(
            version=package_version(),
            protocol=PROTOCOL,
            kinds=list(KINDS),
            editors=["auto", *editor_names()],
            presets=list(preset_names()),
            busy=_service(request).jobs.busy,
        )
    )


async def upload(request: Request) -> Response:
    """Keep the body as a file for jobs to come."""
    name = request.query_params.get("name", "")
    if not _UPLOAD_NAME.fullmatch(name):
        raise Refusal(400, "Expected a plain file name of letters, digits, dots and dashes.")
    length, uploads = require_length(request.headers, limits.MAX_UPLOAD), _service(request).uploads
    if shutil.disk_usage(uploads.folder).free < 2 * length:
        raise Refusal(507, "The disk is full: free some space.")
    return _json(Upload(upload=await uploads.keep(name, request.stream())))


async def start_job(request: Request) -> Response:
    """Start a job."""
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refusal(415, "Expected application/json.")
    require_length(request.headers, limits.MAX_JSON)
    return await run_in_threadpool(_submit, _service(request), await request.body())


def _submit(service: Service, body: bytes) -> Response:
    wanted = parse_request(body, service.uploads.files())
    if not service.new_jobs.take():  # only jobs that can be done count
        raise Refusal(429, "Too many new jobs: wait a few seconds.")
    return _json(service.jobs.submit(wanted).snapshot())


def list_jobs(request: Request) -> Response:
    """List the jobs, the newest first."""
    return _json(Jobs(jobs=[job.snapshot() for job in _service(request).jobs.all()]))


def show_job(request: Request) -> Response:
    """Say how a job stands."""
    return _json(_job(request).snapshot())


async def job_events(request: Request) -> Response:
    """Stream a job's events until it has ended; with Last-Event-ID from after that one on, with 204 after the last."""
    service, job = _service(request), _job(request)
    last = request.headers.get("Last-Event-ID")
    if last == LAST and job.state in FINISHED:
        return Response(status_code=204)  # a browser connects no more
    if service.streams >= limits.MAX_STREAMS:
        raise Refusal(503, "Too many streams of events are open: close one.")
    start = await run_in_threadpool(place_of, last, job.watched.path)
    return StreamingResponse(_counted(service, follow(job, start, lambda: service.ending)), media_type=STREAM)


async def _counted(service: Service, messages: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    service.streams += 1
    try:
        async for message in messages:
            yield message
    finally:
        service.streams -= 1


def cancel_job(request: Request) -> Response:
    """Stop a job at once."""
    job = _job(request)
    _service(request).jobs.cancel(job)
    return _json(job.snapshot())


def remove_job(request: Request) -> Response:
    """Forget a job and its files; one that runs is stopped."""
    _service(request).jobs.remove(_job(request))
    return _json(Done())


def job_picture(request: Request) -> Response:
    """Send the newest picture of a job, with `side` at most so many pixels high and wide."""
    found = _job(request).watched.picture
    if found is None:
        raise Refusal(404, "There is no picture yet.")
    return _sized(request, found[0])


def job_file(request: Request) -> Response:
    """Send a result of a job, with `side` a picture that is at most so many pixels high and wide."""
    job, name = _job(request), request.path_params["file"]
    if name not in job.files():  # only names that the job itself lists: no path leads out of its folder
        raise Refusal(404, "The job has no such file.")
    return _sized(request, job.places.result / name)


def shut_down(request: Request) -> Response:
    """End the service and its jobs."""
    return _json(Done(), BackgroundTask(_service(request).end))  # after the answer is sent


JOB = "/v1/jobs/{job}"
OPERATIONS = (
    Operation("GET", "/v1/health", health, Health),
    Operation("POST", "/v1/uploads", upload, Upload, body=BYTES, query=("name",)),
    Operation("POST", "/v1/jobs", start_job, Snapshot, body=AnyJob),
    Operation("GET", "/v1/jobs", list_jobs, Jobs),
    Operation("GET", JOB, show_job, Snapshot),
    Operation("DELETE", JOB, remove_job, Done),
    Operation("GET", f"{JOB}/events", job_events, (STREAM,)),
    Operation("POST", f"{JOB}/cancel", cancel_job, Snapshot),
    Operation("GET", f"{JOB}/picture", job_picture, (PNG, PPM), query=("side",)),
    Operation("GET", f"{JOB}/files/{{file:path}}", job_file, (BYTES, PNG, PPM), query=("side",)),
    Operation("POST", "/v1/shutdown", shut_down, Done),
)


def _service(request: Request) -> Service:
    return request.app.state.service


def _job(request: Request) -> Job:
    job = _service(request).jobs.get(request.path_params["job"])
    if job is None:
        raise Refusal(404, "There is no such job.")
    return job


def _sized(request: Request, path: Path) -> Response:
    """The file, or where `side` is given its picture scaled down."""
    text = request.query_params.get("side")
    if text is None:
        if not path.is_file():
            raise Refusal(404, "The file is gone.")
        return FileResponse(path, media_type=PNG if path.suffix == ".png" else BYTES)
    side = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not 1 <= side <= MAX_SIDE:
        raise Refusal(400, f"Expected a side from 1 to {MAX_SIDE}.")
    return Response(small_picture(path, side), media_type=PPM)


def _json(answer: msgspec.Struct, after: BackgroundTask | None = None) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json", background=after)
