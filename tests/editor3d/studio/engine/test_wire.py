"""Messages between the studio and its engine."""

from __future__ import annotations

import io
import threading

import pytest

from editor3d.errors import Editor3DError
from editor3d.studio.engine import wire
from editor3d.studio.engine.process import Engine

MESSAGES = [
    ({"act": "frame", "w": 640, "note": 'ä\n"x'}, b""),
    ({}, b"\n\x00{}\n"),
    ({"ok": [1.5, None]}, b"x" * 70_000),
]


def test_messages_come_as_they_were_sent() -> None:
    stream = io.BytesIO()
    for head, body in MESSAGES:
        wire.send(stream, head, body)
    stream.seek(0)
    assert [wire.receive(stream) for _ in MESSAGES] == MESSAGES
    assert wire.receive(stream) is None


def test_a_message_that_is_cut_short_is_none() -> None:
    stream = io.BytesIO()
    wire.send(stream, {"ok": 1}, b"12345\n7")
    whole = stream.getvalue()
    assert [wire.receive(io.BytesIO(whole[:cut])) for cut in range(len(whole))] == [None] * len(whole)


@pytest.mark.slow
def test_an_engine_outlives_the_thread_that_asked_first(tmp_path) -> None:
    engine = Engine(tmp_path / "log.txt")
    try:
        first = threading.Thread(target=engine.start)
        first.start()
        first.join()
        with pytest.raises(Editor3DError, match="checkpoint"):
            engine.call("open", run=str(tmp_path))
    finally:
        engine.close()


@pytest.mark.slow
def test_an_engine_refuses_in_a_sentence_and_starts_again_where_it_ended(tmp_path) -> None:
    engine = Engine(tmp_path / "log.txt")
    try:
        for _ in range(2):
            with pytest.raises(Editor3DError, match="checkpoint"):
                engine.call("open", run=str(tmp_path))
        assert engine._process is not None
        engine._process.kill()
        engine._process.wait()
        with pytest.raises(Editor3DError, match="checkpoint"):
            engine.call("open", run=str(tmp_path))
    finally:
        engine.close()
