"""The token never travels: requests and answers are signed with it."""

from __future__ import annotations

import importlib.util
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from editor3d.service.http import signing
from editor3d.service.http.signing import PROOF, Signatures, Signed, is_proof, proof, signed

REQUEST = ("GET", "/v1/health", "127.0.0.1:1")


def test_a_signed_request_counts_once() -> None:
    signatures, request = Signatures("token"), signed("token", *REQUEST)
    assert signatures.accepts(Signed.read(request.header()), *REQUEST)
    assert not signatures.accepts(request, *REQUEST)
    assert not signatures.accepts(None, *REQUEST)


@pytest.mark.parametrize("changed", [
    ("POST", "/v1/health", "127.0.0.1:1"), ("GET", "/v1/jobs", "127.0.0.1:1"), ("GET", "/v1/health", "127.0.0.1:2"),
])  # fmt: skip
def test_a_signature_holds_for_its_own_request_and_port(changed: tuple[str, str, str]) -> None:
    assert not Signatures("token").accepts(signed("token", *REQUEST), *changed)
    assert not Signatures("another").accepts(signed("token", *REQUEST), *REQUEST)


def test_an_old_signature_counts_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    request, now = signed("token", *REQUEST), time.time()
    for later in (signing.WINDOW + 1, -signing.WINDOW - 1):
        monkeypatch.setattr(signing.time, "time", lambda later=later: now + later)
        assert not Signatures("token").accepts(request, *REQUEST)


def test_an_answer_is_proved_by_the_token() -> None:
    assert is_proof(proof("token", "n", 200), "token", "n", 200)
    for found in (None, "", "\xe9", proof("token", "n", 404), proof("token", "m", 200), proof("other", "n", 200)):
        assert not is_proof(found, "token", "n", 200)


def test_a_body_that_was_not_signed_is_refused(serve) -> None:
    call = serve()
    host = f"127.0.0.1:{call.service.port}"
    for path, body in (("/v1/uploads?name=a.glb", b"signed"), ("/v1/jobs", b"{}")):
        header = signed(call.service.token, "POST", path, host, body).header()
        answer = call("POST", path, raw=b"others", Authorization=header, Content_Type="application/json")
        assert (answer.status, answer.body["error"]) == (401, "The body is not the one that was signed.")
    assert call.service.uploads.files() == {}


def _addon_client():
    path = Path(__file__).parents[4] / "blender_addon" / "job" / "client.py"
    spec = importlib.util.spec_from_file_location("addon_client", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_add_on_signs_as_the_service_reads(serve) -> None:
    call, module = serve(), _addon_client()
    client = module.Client(call.service.port, call.service.token)
    assert client.get("/health")["name"] == "editor3d"
    assert client.upload("a b.glb".replace(" ", "_"), b"mesh")["upload"] in call.service.uploads.files()
    with pytest.raises(module.EngineError, match="no such job"):
        client.get("/jobs/none")


@pytest.mark.parametrize("answer", [
    b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.0 200 OK\r\nX-Editor3d-Proof: guess\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.0 401 No\r\nContent-Length: 0\r\n\r\n",
    b"nonsense\r\n\r\n",
])  # fmt: skip
def test_a_stranger_on_the_port_of_a_service_learns_no_token_and_is_not_believed(answer: bytes, tmp_path: Path) -> None:
    from editor3d.service.jobs.state import ServiceState
    from editor3d.service.run import _alive

    module, heard = _addon_client(), []
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]

        def listen() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = stranger.accept()
                    with connection:
                        heard.append(connection.recv(65536))
                        connection.sendall(answer)

        threading.Thread(target=listen, daemon=True).start()
        token = "the-token-of-the-service"
        assert not _alive(ServiceState(port, token, 1, "0"))
        with pytest.raises(module.EngineError):
            module.Client(port, token).post("/jobs", {"kind": "mesh"})
    assert len(heard) == 2
    assert not any(token.encode() in words for words in heard)


def test_every_answer_to_a_client_is_signed(serve, monkeypatch: pytest.MonkeyPatch, capfd) -> None:
    """That of a failure, too, whose traceback is in the log."""
    import http.client

    call = serve()
    monkeypatch.setattr(call.service.jobs, "all", lambda: 1 // 0)
    host = f"127.0.0.1:{call.service.port}"
    for path, status in (("/openapi.json", 200), ("/v1/jobs/none", 404), ("/nothing", 404), ("/v1/jobs", 500)):
        request = signed(call.service.token, "GET", path, host)
        connection = http.client.HTTPConnection("127.0.0.1", call.service.port, timeout=10)
        connection.request("GET", path, headers={"Host": host, "Authorization": request.header()})
        answer = connection.getresponse()
        assert answer.status == status
        assert is_proof(answer.getheader(PROOF), call.service.token, request.nonce, status)
        connection.close()
    assert "ZeroDivisionError" in capfd.readouterr().err
