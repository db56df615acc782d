"""Whoever drips bytes or says nothing keeps no client out."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from editor3d.service.http import connections, limits
from editor3d.service.http.signing import signed

LARGE = 1 << 24
WRITES = f"""
import pathlib, sys
out = pathlib.Path(sys.argv[sys.argv.index("--output") + 1])
out.parent.mkdir(parents=True)
out.write_bytes(bytes({LARGE}))
"""


@contextlib.contextmanager
def _dripping(port: int, count: int, first: bytes) -> Iterator[list[socket.socket]]:
    """Connections that send a byte every few hundredths of a second until the end."""
    stop, opened = threading.Event(), []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), timeout=5)
        connection.sendall(first)
        opened.append(connection)

    def drip() -> None:
        while not stop.wait(0.05):
            for connection in opened:
                with contextlib.suppress(OSError):
                    connection.send(b"a")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield opened
    finally:
        stop.set()
        thread.join()
        for connection in opened:
            connection.close()


@pytest.mark.parametrize("first", [b"", b"G", b"GET /v1/health HTTP/1.1\r\nX-Slow: ", b"POST /v1/uploads?name=a.glb "])
def test_dripping_connections_do_not_lock_the_owner_out(serve, first: bytes) -> None:
    call = serve()
    assert limits.MAX_CONNECTIONS < 40
    with _dripping(call.service.port, 40, first):
        for _ in range(5):
            assert call("GET", "/v1/health").status == 200


def test_the_head_of_a_request_has_a_deadline_as_a_whole(serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("editor3d.service.http.connections.HEAD_SECONDS", 0.5)
    call = serve()
    with _dripping(call.service.port, 1, b"GET /v1/health HTTP/1.1\r\nX-Slow: ") as (connection,):
        connection.settimeout(20)
        assert connection.recv(1000) == b""  # the service has hung up, though bytes came all the time


def test_a_body_has_a_deadline_as_a_whole(serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("editor3d.service.http.bounds.BODY_SECONDS", 0.5)
    monkeypatch.setattr("editor3d.service.http.bounds.BODY_RATE", 1e9)
    call = serve()
    head = head_of(call, "POST", "/v1/uploads?name=a.glb", "Content-Length: 5000", body=b"x" * 5000)
    with _dripping(call.service.port, 1, head) as (connection,):
        connection.settimeout(20)
        connection.recv(10_000)  # an answer, or none: the connection ends
    until(lambda: not any(path.is_dir() for path in call.service.uploads.folder.iterdir()))


class Transport(asyncio.Transport):
    """Knows only whether it was cut off."""

    cut = False

    def abort(self) -> None:
        self.cut = True


def test_clients_that_have_proved_themselves_are_not_driven_out() -> None:
    held = connections.Connections(2)
    ends = [("127.0.0.1", port) for port in range(4)]
    transports = [Transport() for _ in ends]
    assert held.begin(ends[0], transports[0])
    held.proved(ends[0])
    assert held.begin(ends[1], transports[1])
    assert held.begin(ends[2], transports[2])  # in the place of the second
    assert [one.cut for one in transports] == [False, True, False, False]
    held.end(ends[1])
    held.proved(ends[2])
    assert not held.begin(ends[3], transports[3])
    assert [one.cut for one in transports] == [False, True, False, False]
    held.end(ends[0])
    assert held.begin(ends[3], transports[3])


def head_of(call, method: str, path: str, *lines: str, body: bytes = b"") -> bytes:
    """The head of a signed request, with more lines."""
    host = f"127.0.0.1:{call.service.port}"
    header = signed(call.service.token, method, path, host, body).header()
    return "\r\n".join(
        [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Authorization: {header}", *lines, "", ""]
    ).encode()


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def talk(call, sent: bytes) -> bytes:
    """All that is answered to some bytes."""
    with socket.create_connection(("127.0.0.1", call.service.port), timeout=20) as connection:
        connection.sendall(sent)
        answer = b""
        while block := connection.recv(1 << 16):
            answer += block
    return answer


@pytest.mark.parametrize("taken", [0, LARGE - 5000])
def test_an_answer_that_is_not_taken_ends_with_its_connection(
    serve, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    """Whether most of it waits, or its last bytes."""
    monkeypatch.setattr("editor3d.service.http.connections.ANSWER_SECONDS", 0.5)
    call = serve(WRITES)
    job = call.job().body["id"]
    until(lambda: call("GET", f"/v1/jobs/{job}").body["state"] == "done")
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", call.service.port))
        connection.settimeout(20)
        connection.sendall(head_of(call, "GET", f"/v1/jobs/{job}/files/result.glb"))
        until(lambda: len(call.service.connections) > 0)
        until(lambda: len(call.service.connections) == 0)


NO_REQUESTS = [b"\0\1\2\3\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\r\n"]


@pytest.mark.parametrize("sent", NO_REQUESTS)
def test_what_is_no_request_is_answered_in_a_sentence(serve, sent: bytes) -> None:
    answer = talk(serve(), sent)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'{"error": "Expected a request' in answer


def test_a_head_without_end_is_refused(serve) -> None:
    call = serve()
    with socket.create_connection(("127.0.0.1", call.service.port), timeout=20) as connection:
        sent = 0
        with contextlib.suppress(ConnectionError):
            connection.sendall(b"GET /v1/health HTTP/1.1\r\nX-Long: ")
            while sent < 1 << 24:
                sent += connection.send(b"a" * 4096)
                time.sleep(0.0005)
                connection.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    if connection.recv(1):
                        break
                connection.setblocking(True)
    assert sent < 1 << 20
    assert call("GET", "/v1/health").status == 200


def test_a_long_head_is_refused_though_it_is_whole(serve) -> None:
    call = serve()
    answer = talk(call, head_of(call, "GET", "/v1/health", "X-Long: " + "a" * limits.MAX_HEAD))
    assert answer.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))  # h11's answer where it came in parts
    assert b'{"error":' in answer


def test_a_refused_client_that_still_sends_reads_why(serve) -> None:
    call = serve()
    for _ in range(10):
        answer = talk(call, head_of(call, "POST", "/v1/jobs", "Content-Length: 200000") + bytes(200_000))
        assert answer.startswith(b"HTTP/1.1 415 ")


def test_a_connection_serves_one_request(serve) -> None:
    call = serve()
    answer = talk(call, head_of(call, "GET", "/v1/health") + head_of(call, "GET", "/v1/jobs"))
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("lines", [
    ("Content-Length: 5", "Content-Length: 7"), ("Content-Length: -1",), ("Content-Length: 1e3",),
    ("Content-Length: 2", "Host: example.org"),
])  # fmt: skip
def test_heads_that_contradict_themselves_are_refused(serve, lines: tuple[str, ...]) -> None:
    call = serve()
    answer = talk(call, head_of(call, "POST", "/v1/uploads?name=a.glb", *lines) + b"12345")
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_a_chunked_body_is_not_taken(serve) -> None:
    call = serve()
    head = head_of(call, "POST", "/v1/uploads?name=a.glb", "Transfer-Encoding: chunked", body=b"12345")
    answer = talk(call, head + b"5\r\n12345\r\n0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 411 ")
    assert call.service.uploads.files() == {}


def test_a_client_that_leaves_leaves_no_half_upload(serve, capfd) -> None:
    call = serve()
    head = head_of(call, "POST", "/v1/uploads?name=a.glb", "Content-Length: 5000", body=b"x" * 5000)
    folder = call.service.uploads.folder
    with socket.create_connection(("127.0.0.1", call.service.port), timeout=20) as connection:
        connection.sendall(head + b"x" * 2000)
        until(lambda: any(path.is_dir() for path in folder.iterdir()))
    until(lambda: not any(path.is_dir() for path in folder.iterdir()))
    assert call("GET", "/v1/health").status == 200
    assert "Traceback" not in capfd.readouterr().err
