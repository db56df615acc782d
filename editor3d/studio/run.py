"""Run one studio from its start to its end."""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import threading
import webbrowser
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from editor3d.datasets.locate import DEMO, resolve_data
from editor3d.errors import ConfigError, Editor3DError
from editor3d.files.safe_open import read_json
from editor3d.files.writing import replacing
from editor3d.service.http.server import Server
from editor3d.service.http.service import Service
from editor3d.service.jobs import owned
from editor3d.service.jobs.queue import JobQueue
from editor3d.service.jobs.state import default_job_folder
from editor3d.studio.build import BUNDLE, require_bundle
from editor3d.studio.http.app import create_studio_app
from editor3d.studio.http.studio import Studio

STATE = "studio.json"
"""Port and token, so that a page that is open finds a studio that was started anew."""


def default_folder() -> Path:
    """Where the studio keeps its history."""
    return default_job_folder() / "studio"


def run_studio(data: str | None, *, folder: Path | None, output: Path, port: int, browser: bool, draft: bool) -> int:
    """Serve the page until a signal ends it; 0.

    Args:
        data: what to open: the word demo, a capture, a run or a file of splats; None is what was open last.
        folder: of the history; None is `default_folder`.
        output: folder of runs.
        port: where to listen; 0 takes that of the last time, or a free one.
        browser: whether to open the page in the user's browser.
        draft: read or render pictures at half the usual size.

    Raises:
        ConfigError: the page is not built, the port is taken, or a studio runs in that folder already.
        DataError: there is no such scene.
    """
    require_bundle(BUNDLE)
    source = None if data is None else source_of(data)
    os.umask(0o077)  # whatever the studio and its jobs write is this user's alone
    place = owned.root(default_folder() if folder is None else folder.absolute())
    lock = FileLock(place / "studio.lock")
    known = _read(place / STATE)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ConfigError(
            f"A studio runs already, at http://127.0.0.1:{known.get('port', '…')}: open the address that it printed, "
            f"end it, or give another --folder."
        ) from error
    try:
        return _serve(place, source, output.absolute(), port, browser, known, draft)
    finally:
        lock.release()


def source_of(data: str) -> str:
    """What the project calls a scene: the word demo, or an absolute path.

    Raises:
        DataError: there is no such scene.
    """
    path = resolve_data(data)
    return DEMO if data == DEMO and not Path(data).exists() else str(path.absolute())


def _serve(
    place: Path, source: str | None, output: Path, port: int, browser: bool, known: dict[str, Any], draft: bool
) -> int:
    jobs = JobQueue(place.parent, runs=output, ahead=True)
    token = known.get("token") or secrets.token_urlsafe(32)
    studio: Studio | None = None

    def application(service: Service) -> Any:
        nonlocal studio
        studio = Studio(service, place, token)
        return create_studio_app(studio)

    server = _server(place, jobs, port, known.get("port"), application)
    assert studio is not None
    try:
        _write(place / STATE, {"port": server.service.port, "token": token})
        if source is not None:
            studio.project.open(source, {"draft": True} if draft else {})
    except Editor3DError:
        studio.close()
        server.close()
        raise
    previous = {name: signal.signal(name, lambda *_: server.service.end()) for name in (signal.SIGINT, signal.SIGTERM)}
    studio.frames.start()
    print(f"The studio is at {studio.url}", flush=True)
    print("The address lets whoever has it in: keep it. Ctrl-C ends the studio and its jobs.", file=sys.stderr)
    if browser:
        threading.Thread(target=webbrowser.open, args=(studio.url,), daemon=True).start()
    try:
        server.run_until_end()
    finally:
        studio.close()
        server.close()
        for name, handler in previous.items():
            signal.signal(name, handler)
    print("The studio has ended.", flush=True)
    return 0


def _server(place: Path, jobs: JobQueue, port: int, last: object, application: Any) -> Server:
    """A server at the port that was asked for, else at the last one, else at any."""
    if port == 0 and isinstance(last, int) and 0 < last < 1 << 16:
        try:
            return Server(place.parent, last, jobs, application)
        except ConfigError:  # taken meanwhile
            pass
    return Server(place.parent, port, jobs, application)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = read_json(path)
    except (OSError, Editor3DError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, value: dict[str, Any]) -> None:
    with replacing(path, private=True) as partial:
        partial.write_text(json.dumps(value), encoding="utf-8")
