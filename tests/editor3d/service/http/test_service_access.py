"""Who may speak to the service, and how much."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from editor3d.service.http import limits
from editor3d.service.http.limits import Rate
from editor3d.service.jobs import uploads
from editor3d.service.jobs.state import ServiceState, read_state, remove_state, write_state


def test_a_client_with_the_token_is_answered(serve):
    call = serve()
    health = call("GET", "/v1/health")
    assert health.status == 200
    assert health.body["name"] == "editor3d"
    assert "procedural" in health.body["editors"]


@pytest.mark.parametrize(
    "token",
    ["", "Bearer", "Bearer {token}", "Basic x", "EDITOR3D-HMAC", "EDITOR3D-HMAC {token}", "EDITOR3D-HMAC a:b:c:\xe9"]
    + ["EDITOR3D-HMAC nan:b:c:d", "EDITOR3D-HMAC 1:2:3:4:5", "EDITOR3D-HMAC :::"],
)
@pytest.mark.parametrize("path", ["/v1/health", "/v1/jobs", "/"])
def test_without_the_token_nothing_is_told(serve, token, path):
    call = serve()
    answer = call("GET", path, Authorization=token.format(token=call.service.token))
    assert answer.status == 401
    assert list(answer.body) == ["error"]
    assert call.service.token not in str(answer.body)


@pytest.mark.parametrize("host", ["example.org", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "[::1]:{port}"])
def test_another_host_is_refused_though_the_token_is_right(serve, host):
    """A page whose name was made to lead to this machine sends its own name."""
    call = serve()
    assert call("GET", "/v1/health", Host=host.format(port=call.service.port)).status == 403


@pytest.mark.parametrize("origin", ["https://example.org", "null", "http://127.0.0.1:{port}", "http://localhost"])
def test_web_pages_are_refused_though_the_token_is_right(serve, origin):
    call = serve()
    assert call("GET", "/v1/health", Origin=origin.format(port=call.service.port)).status == 403
    assert call("GET", "/v1/health", Sec_Fetch_Site="cross-site").status == 403
    assert call("OPTIONS", "/v1/jobs", Origin="https://example.org").status == 403


def test_it_listens_on_the_loopback_interface_alone(serve):
    call = serve()
    assert call.server.socket.getsockname()[0] == "127.0.0.1"
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in others - {"127.0.0.1"}:
        with socket.socket() as other:
            other.settimeout(1.0)
            assert other.connect_ex((address, call.service.port)) != 0


def test_bodies_have_limits(serve, monkeypatch):
    call = serve()
    monkeypatch.setattr(limits, "MAX_UPLOAD", 1000)
    assert call("POST", "/v1/uploads?name=a.glb", raw=b"x" * 1001).status == 413
    assert call("POST", "/v1/uploads?name=a.glb", raw=b"x" * 1000).status == 200
    assert call("POST", "/v1/uploads?name=a.glb", raw=b"x", Content_Length="9" * 15).status == 413
    assert call("POST", "/v1/uploads?name=a.glb", raw=b"x", Content_Length="-1").status == 400
    assert call("POST", "/v1/uploads?name=a.glb", raw=b"", Content_Length="", Transfer_Encoding="chunked").status == 411
    long = b'"' + b"x" * limits.MAX_JSON + b'"'
    assert call("POST", "/v1/jobs", raw=long, Content_Type="application/json").status == 413
    assert call("POST", "/v1/jobs", raw=b"{}", Content_Type="text/plain").status == 415
    assert call("POST", "/v1/jobs", raw=b"[" * 60000, Content_Type="application/json").status == 400


@pytest.mark.parametrize("name", ["", "../x.glb", "a/b.glb", ".hidden", "a\\b.glb", "x" * 101, "%00.glb", "-x.glb"])
def test_uploads_have_plain_names(serve, name):
    call = serve()
    assert call("POST", f"/v1/uploads?name={name}", raw=b"x").status == 400


def test_old_uploads_go_when_many_come(serve, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_UPLOADS", 3)
    call = serve()
    first = call.upload("a.glb", b"1")
    for _ in range(3):
        call.upload("a.glb", b"2")
    assert call.job(inputs={"mesh": first}).status == 400
    assert sum(path.is_dir() for path in call.service.uploads.folder.iterdir()) == 3


def test_wrong_tokens_are_slowed_down_and_right_ones_are_not(serve):
    call = serve()
    answers = [call("GET", "/v1/health", Authorization="EDITOR3D-HMAC 1:2:3:guess").status for _ in range(30)]
    assert answers[:5] == [401] * 5
    assert answers[-5:] == [429] * 5
    assert call("GET", "/v1/health").status == 200


def test_a_rate_allows_its_burst_and_then_its_pace(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(limits.time, "monotonic", lambda: now[0])
    rate = Rate(2.0, 5)
    assert [rate.take() for _ in range(7)] == [True] * 5 + [False] * 2
    now[0] += 1.0
    assert [rate.take() for _ in range(3)] == [True, True, False]
    now[0] += 100.0
    assert sum(rate.take() for _ in range(10)) == 5


def test_jobs_are_started_at_a_limited_pace(serve):
    call = serve("import time; time.sleep(30)")
    upload = call.upload("a.glb", b"x")
    answers = [call.job(inputs={"mesh": upload}).status for _ in range(14)]
    assert answers.count(200) <= 12
    assert answers[-1] == 429


def test_the_state_file_is_the_users_alone(tmp_path: Path):
    previous = os.umask(0)
    try:
        path = tmp_path / "made" / "service.json"
        write_state(path, ServiceState(1, "token", 2, "0"))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    finally:
        os.umask(previous)
    assert read_state(path).token == "token"
    remove_state(path, "another")
    assert path.exists()
    remove_state(path, "token")
    assert not path.exists()
    assert [entry.name for entry in path.parent.iterdir()] == []


@pytest.mark.parametrize("text", ["", "[]", "{", '{"port": 1}', '{"port": 1, "token": "", "pid": 1, "v": 1}'])
def test_a_damaged_state_file_is_none(tmp_path: Path, text):
    path = tmp_path / "service.json"
    path.write_text(text)
    assert read_state(path) is None
