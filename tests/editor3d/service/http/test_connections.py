"""Whoever drips bytes or says nothing keeps no client out."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from editor3d.service.http import connections, limits


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
    monkeypatch.setattr("editor3d.service.http.server.HEAD_SECONDS", 0.5)
    call = serve()
    with _dripping(call.service.port, 1, b"GET /v1/health HTTP/1.1\r\nX-Slow: ") as (connection,):
        connection.settimeout(20)
        assert connection.recv(1000) == b""  # the service has hung up, though bytes came all the time


def test_a_body_has_a_deadline_as_a_whole(serve, monkeypatch: pytest.MonkeyPatch) -> None:
    from editor3d.service.http.signing import signed

    monkeypatch.setattr("editor3d.service.http.server.BODY_SECONDS", 0.5)
    monkeypatch.setattr("editor3d.service.http.server.BODY_RATE", 1e9)
    call = serve()
    host = f"127.0.0.1:{call.service.port}"
    header = signed(call.service.token, "POST", "/v1/uploads?name=a.glb", host, b"x" * 5000).header()
    head = f"POST /v1/uploads?name=a.glb HTTP/1.1\r\nHost: {host}\r\nAuthorization: {header}\r\n"
    head += "Content-Length: 5000\r\n\r\n"
    with _dripping(call.service.port, 1, head.encode()) as (connection,):
        connection.settimeout(20)
        connection.recv(10_000)  # an answer, or none: the connection ends
    end = time.monotonic() + 20
    while any(path.is_dir() for path in call.service.upload_folder.iterdir()):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_clients_that_have_proved_themselves_are_not_driven_out() -> None:
    held = connections.Connections(2)
    pairs = [socket.socketpair() for _ in range(4)]
    try:
        assert held.begin(pairs[0][0])
        held.proved(pairs[0][0])
        assert held.begin(pairs[1][0])
        assert held.begin(pairs[2][0])  # in the place of the second
        pairs[1][1].settimeout(5)
        assert pairs[1][1].recv(1) == b""
        held.end(pairs[1][0])
        held.proved(pairs[2][0])
        assert not held.begin(pairs[3][0])
        pairs[0][1].setblocking(False)
        with pytest.raises(BlockingIOError):
            pairs[0][1].recv(1)
    finally:
        for pair in pairs:
            for end in pair:
                end.close()


def test_a_slow_request_leaves_its_answer_the_usual_time() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(connections.ANSWER_SECONDS)
        reader = connections.TimedReader(ours, 0.2)
        theirs.sendall(b"GET")
        assert reader.read(3) == b"GET"
        assert ours.gettimeout() == connections.ANSWER_SECONDS
        with pytest.raises(TimeoutError):
            reader.read(1)
        assert ours.gettimeout() == connections.ANSWER_SECONDS
