"""`editor3d serve` as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from editor3d.service.http.signing import signed
from editor3d.service.jobs.state import read_state


class Served:
    """A service that was started as a command."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.state = folder / "state.json"
        command = [sys.executable, "-m", "editor3d.cli", "serve", "--state", str(self.state)]
        command += ["--folder", str(folder / "jobs"), *words]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def found(self):
        end = time.monotonic() + 30
        while (state := read_state(self.state)) is None:
            assert self.process.poll() is None, self.process.stdout.read()
            assert time.monotonic() < end
            time.sleep(0.02)
        return state

    def call(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"):
        state = self.found()
        authorization = signed(state.token, method, path, f"127.0.0.1:{state.port}", body or b"").header()
        headers = {"Authorization": authorization, "Content-Type": kind}
        request = urllib.request.Request(f"http://127.0.0.1:{state.port}{path}", body, headers, method=method)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return json.loads(answer.read())

    def start_job(self) -> str:
        upload = self.call("POST", "/v1/uploads?name=a.obj", b"v 0 0 0\n", "application/octet-stream")
        body = {"kind": "mesh", "instruction": "turn it into gold", "inputs": {"mesh": upload}}
        return self.call("POST", "/v1/jobs", json.dumps(body).encode())["id"]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    service = Served(tmp_path)
    yield service
    if service.process.poll() is None:
        service.process.kill()
    service.process.wait()
    service.process.stdout.close()


def test_it_is_found_by_its_state_file_and_leaves_none(served):
    state = served.found()
    assert state.pid == served.process.pid
    assert served.call("GET", "/v1/health")["protocol"] == state.protocol
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(timeout=20) == 0
    assert not served.state.exists()


def test_help_comes_without_the_server():
    code = "import sys; from editor3d.cli import main; main(['serve', '--help']); print(sorted(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "'editor3d.cli.commands.serve'" in shown
    assert not any(f"'{name}'" in shown for name in ("starlette", "uvicorn", "torch"))


def test_a_client_can_end_it(served):
    served.call("POST", "/v1/shutdown", b"{}")
    assert served.process.wait(timeout=20) == 0


def test_a_second_one_says_that_there_is_one(served, tmp_path):
    state = served.found()
    second = Served(tmp_path)
    out, _ = second.process.communicate(timeout=30)
    assert second.process.returncode == 2
    assert f"process {state.pid}" in out
    assert read_state(served.state) == state


def test_a_stale_state_file_is_replaced(served, tmp_path):
    old = served.found()
    served.process.kill()
    served.process.wait()
    assert served.state.exists()
    second = Served(tmp_path)
    try:
        end = time.monotonic() + 30
        while read_state(served.state) == old:
            assert time.monotonic() < end
            time.sleep(0.02)
        assert second.call("GET", "/v1/jobs") == {"jobs": []}
    finally:
        second.process.kill()
        second.process.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_jobs_end_with_a_service_that_is_killed(served):
    served.start_job()
    end = time.monotonic() + 20
    while not (children := psutil.Process(served.process.pid).children(recursive=True)):
        assert time.monotonic() < end
        time.sleep(0.01)
    served.process.kill()
    gone, alive = psutil.wait_procs(children, timeout=10)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_it_ends_when_nobody_asks_any_more(tmp_path):
    service = Served(tmp_path, "--idle-minutes", "0.02")
    service.found()
    assert service.process.wait(timeout=30) == 0
    assert "ended" in service.process.communicate()[0]


def test_what_cannot_be_served_is_said(served, tmp_path):
    port = served.found().port
    taken = Served(tmp_path / "other", "--port", str(port))
    out, _ = taken.process.communicate(timeout=30)
    assert taken.process.returncode == 2
    assert f"{port} is not" in out
    assert not taken.state.exists()
    none = Served(tmp_path / "none", "--port", "99999")
    assert "from 0 to 65535" in none.process.communicate(timeout=30)[0]
    assert none.process.returncode == 2


@pytest.mark.parametrize("flags", [("--idle-minutes", "nan"), ("--idle-minutes", "inf"), ("--idle-minutes", "-1"),
                                   ("--idle-minutes", "soon"), ("--port", "1e3"), ("--port", "-1")])  # fmt: skip
def test_settings_that_are_no_numbers_of_their_kind_are_refused(tmp_path, flags):
    service = Served(tmp_path, *flags)
    out = service.process.communicate(timeout=60)[0]
    assert service.process.returncode == 2
    assert "Traceback" not in out
    assert not service.state.exists()


def test_the_token_is_needed(served):
    state = served.found()
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{state.port}/v1/health", timeout=10)
    assert refused.value.code == 401
    refused.value.close()
    assert os.stat(served.state).st_mode & 0o077 == 0
