"""Studios in this process, whose jobs run small programs in place of the project's commands."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from editor3d.service.http.server import Server
from editor3d.service.jobs.queue import JobQueue
from editor3d.studio.http.app import create_studio_app
from editor3d.studio.http.studio import Studio
from tests.exchange import exchange

TOKEN = "the token of this test"
PROGRAM = """
import json, pathlib, sys, time
words = json.load(sys.stdin)
def tell(event, **fields):
    with open(words[words.index("--events") + 1], "a") as file:
        file.write(json.dumps({"event": event, **fields}) + "\\n")
def made(kind, name):
    run = pathlib.Path(words[words.index("--output") + 1]) / name
    run.mkdir(parents=True, exist_ok=True)
    (run / "config.yml").write_text("")
    tell("result", kind=kind, path=str(run))
"""
QUICK = """
import secrets
if words[0] == "reconstruct":
    made("base", "base")
elif words[0] == "edit":
    assert pathlib.Path(words[1]).is_dir()
    made("run", "edit-" + secrets.token_hex(4))
"""
"""Does what the commands say that they have done, at once."""
ENDLESS = "time.sleep(600)"


@dataclass
class Page:
    """What a page can send, and anything else."""

    studio: Studio
    cookie: str = ""
    sent: dict[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
        """`headers` with underscores for dashes; one that is "" is not sent."""
        own = f"127.0.0.1:{self.studio.service.port}"
        raw = None if body is None else json.dumps(body).encode()
        sent = {"Host": own, "Sec-Fetch-Site": "same-origin", "Cookie": self.cookie}
        if method == "POST":
            sent |= {"Origin": f"http://{own}", "Content-Length": str(len(raw or b""))}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return exchange(self.studio.service.port, method, path, sent, raw)

    def enter(self) -> None:
        """Change the token for the cookie."""
        status, said, headers = self("POST", "/studio/session", {"token": self.studio.token})
        assert status == 200, said
        self.cookie = headers["set-cookie"].partition(";")[0]

    def until(self, good: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first state that is good."""
        end = time.monotonic() + 30
        while not good(state := self.studio.project.state()):
            assert time.monotonic() < end, state
            time.sleep(0.02)
        return state


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Starts studios in one folder; the next one takes up what the one before left."""
    started: list[tuple[Server, Studio, threading.Thread]] = []

    def end() -> None:
        for server, studio, thread in started:
            server.service.end()
            thread.join()
            studio.close()
            server.close()
        started.clear()

    def start(program: str = QUICK) -> Page:
        end()
        queue = JobQueue(tmp_path, [sys.executable, "-c", PROGRAM + program], runs=tmp_path / "runs")
        studios: list[Studio] = []

        def application(service):
            studios.append(Studio(service, queue.folder, TOKEN))
            return create_studio_app(studios[0])

        server = Server(tmp_path, jobs=queue, application=application)
        thread = threading.Thread(target=server.run_until_end)
        thread.start()
        started.append((server, studios[0], thread))
        return Page(studios[0])

    yield start
    end()
