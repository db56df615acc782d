"""A service in this process whose jobs run small programs in place of the project's commands."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from editor3d.service.http.server import Server
from editor3d.service.http.service import HOST, Service
from editor3d.service.http.signing import signed
from editor3d.service.jobs.queue import JobQueue
from tests.exchange import exchange

_WORDS = """
import json, sys
sys.argv[1:] = json.load(sys.stdin)

def tell(event, **fields):
    with open(sys.argv[sys.argv.index("--events") + 1], "a") as file:
        file.write(json.dumps({"event": event, **fields}) + "\\n")
"""


@dataclass
class Answer:
    status: int
    body: Any


@dataclass
class Caller:
    """A client that may leave anything out or send anything."""

    server: Server

    @property
    def service(self) -> Service:
        return self.server.service

    def __call__(self, method: str, path: str, body: Any = None, raw: bytes | None = None, **headers: str) -> Answer:
        """`headers` with underscores for dashes; one that is "" is not sent."""
        sent = {"Host": f"{HOST}:{self.service.port}"}
        if raw is None and body is not None:
            raw, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Authorization": signed(self.service.token, method, path, sent["Host"], raw or b"").header(), **sent}
        if raw is not None and "Content-Length" not in sent:
            sent["Content-Length"] = str(len(raw))
        return Answer(*exchange(self.service.port, method, path, sent, raw)[:2])

    def upload(self, name: str, data: bytes) -> dict[str, str]:
        answer = self("POST", f"/v1/uploads?name={name}", raw=data)
        assert answer.status == 200, answer
        return answer.body

    def job(self, **changes: Any) -> Answer:
        """Start a job on a mesh, or another by `changes` of what is sent."""
        body = {"kind": "mesh", "instruction": "turn it into gold", "settings": {}}
        if "inputs" not in changes:
            body["inputs"] = {"mesh": self.upload("mesh.glb", b"mesh")}
        return self("POST", "/v1/jobs", body | changes)


@pytest.fixture(scope="session")
def ending() -> Iterator[list[threading.Thread]]:
    """Threads of services that end while other tests run, and have ended with the last."""
    threads: list[threading.Thread] = []
    yield threads
    for thread in threads:
        thread.join()


@pytest.fixture
def serve(tmp_path: Path, ending: list[threading.Thread]) -> Iterator[Callable[..., Caller]]:
    """Starts services; `program` is Python that is run in place of a command, finds its words in `sys.argv` and tells
    events by `tell`."""
    started: list[Server] = []

    def run(server: Server) -> None:
        server.run_until_end()
        server.close()

    def start(program: str = "") -> Caller:
        folder = tmp_path / f"service-{len(started)}"
        queue = JobQueue(folder, [sys.executable, "-c", f"{_WORDS}\n{program}"])
        started.append(Server(folder, jobs=queue))
        ending.append(threading.Thread(target=run, args=(started[-1],)))
        ending[-1].start()
        return Caller(started[-1])

    yield start
    for server in started:
        server.service.end()
