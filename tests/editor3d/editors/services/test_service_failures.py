"""A service that misbehaves: what may pass is tried again, what will not is told at once, the key never."""

from __future__ import annotations

import base64
import io
import json
import logging
import struct
import time
import zlib
from dataclasses import replace
from email.utils import formatdate

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from editor3d.editors.services.client import retry_after
from editor3d.editors.services.editor import ServiceEditor
from editor3d.errors import ServiceError

SILENCE = 0.3
"""Seconds after which the client gives up on a server that says nothing."""


def status(code: int, body: object = "", **headers: str):
    text = body if isinstance(body, str) else json.dumps(body)

    def do(handler) -> bool:
        handler.answer(code, text.encode(), **headers)
        return False

    return do


def stall(handler) -> bool:
    time.sleep(2 * SILENCE)
    return True


def trickle(handler) -> bool:
    """A byte now and then, for ever: never silent, never done."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    for _ in range(40):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.1)
    handler.close_connection = True
    return False


def truncate(handler) -> bool:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(b'{"data": [{"b64_json": "iVBOR')
    handler.close_connection = True
    return False


def hang_up(handler) -> bool:
    handler.close_connection = True
    return False


def truncated_picture(handler) -> bool:
    buffer = io.BytesIO()
    Image.new("RGB", (96, 64), "red").save(buffer, "PNG")
    content = base64.b64encode(buffer.getvalue()[:-40]).decode()
    return status(200, {"data": [{"b64_json": content}]})(handler)


def trickle_of_headers(handler) -> bool:
    """The same before the body begins."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(40):
        handler.wfile.write(b"a")
        handler.wfile.flush()
        time.sleep(0.1)
    handler.close_connection = True
    return False


def forged_picture(handler) -> bool:
    """A picture whose head promises far more than it holds."""
    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return status(200, {"data": [{"b64_json": base64.b64encode(content).decode()}]})(handler)


MISBEHAVIOUR = {
    "trickle of headers": trickle_of_headers,
    "deep JSON": status(200, '{"data": ' + "[" * 100_000),
    "deep JSON in a refusal": status(500, '{"error": ' + "[" * 100_000),
    "an address that is none": status(200, {"data": [{"url": "http://[::"}]}),
    "an address with a line's end": status(200, {"data": [{"url": "http://127.0.0.1/\r\nx"}]}),
    "an address of halves of letters": status(200, '{"data": [{"url": "http://\\ud800/"}]}'),
    "an address of no port": status(200, {"data": [{"url": "http://127.0.0.1:99999/"}]}),
    "a number for a picture": status(200, {"data": [{"b64_json": 3}]}),
    "a list for an address": status(200, {"data": [{"url": [1]}]}),
    "forged picture": forged_picture,
    "bytes of no text": lambda handler: status(200, "\ud800".encode("utf-16", "surrogatepass").decode("latin-1"))(
        handler
    ),
    "429": status(429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}),
    "500": status(500, "<html>oops</html>"),
    "503": status(503),
    "stall": stall,
    "trickle": trickle,
    "truncated": truncate,
    "hang up": hang_up,
    "no JSON": status(200, "hello"),
    "no data": status(200, {"data": []}),
    "wrong data": status(200, {"data": [3]}),
    "nothing in it": status(200, {"data": [{}]}),
    "no base 64": status(200, {"data": [{"b64_json": "%%%"}]}),
    "file address": status(200, {"data": [{"url": "file:///etc/passwd"}]}),
    "no picture": status(200, {"data": [{"b64_json": base64.b64encode(b"hello").decode()}]}),
    "truncated picture": truncated_picture,
}


NOT_SERVED = {"429"}


@pytest.mark.parametrize("name", MISBEHAVIOUR)
def test_what_may_pass_is_tried_again(fake, settings, ask, name, spent):
    fake.script = [MISBEHAVIOUR[name]]
    edited = ServiceEditor(settings).edit(ask)
    torch.testing.assert_close(edited, 1.0 - ask.condition, atol=0.02, rtol=0)
    assert len(fake.asked) == 2
    assert spent() == pytest.approx(settings.price * (1 if name in NOT_SERVED else 2))


@pytest.mark.parametrize("name", ["429", "500", "truncated", "no JSON"])
def test_in_the_end_it_gives_up_and_says_why(fake, settings, ask, name):
    fake.script = [MISBEHAVIOUR[name]] * 10
    with pytest.raises(ServiceError, match="no picture in 4 attempts; the last time: .+"):
        ServiceEditor(settings).edit(ask)
    assert len(fake.asked) == settings.retry.attempts
    assert not list(settings.folder.glob("*.png"))


def test_an_answer_that_is_packed_in_an_unusual_way_is_not_unpacked(fake, settings, ask):
    fake.script = [status(200, "whatever", Content_Encoding="zstd")]
    with pytest.raises(ServiceError, match="packed in a way"):
        ServiceEditor(settings).edit(ask)
    assert len(fake.asked) == 1


def test_an_answer_without_end_is_cut_off(fake, settings, ask, monkeypatch):
    monkeypatch.setattr("editor3d.editors.services.client._MOST_BYTES", 100_000)
    fake.script = [status(200, " " * 200_000)]
    with pytest.raises(ServiceError, match="too large"):
        ServiceEditor(settings).edit(ask)


@pytest.mark.parametrize(
    "form", [lambda key: base64.b64encode(key.encode()).decode(), lambda key: key[3:14], str.upper]
)
def test_an_echo_of_the_key_is_masked_in_what_is_shown(fake, settings, ask, form):
    echo = form(settings.key)
    fake.script = [status(400, {"error": {"message": f"bad key {echo} given"}})]
    with pytest.raises(ServiceError) as raised:
        ServiceEditor(settings).edit(ask)
    assert echo not in str(raised.value)
    assert "[key]" in str(raised.value)


def test_the_waits_grow(fake, settings, ask):
    fake.script = [MISBEHAVIOUR["503"]] * 3
    ServiceEditor(replace(settings, retry=replace(settings.retry, first_wait=0.1, longest_wait=10.0))).edit(ask)
    times = [asked.time for asked in fake.asked]
    waits = np.diff(times)
    for wait, least in zip(waits, (0.05, 0.1, 0.2), strict=True):
        assert least <= wait <= 2 * least + 0.5


@pytest.mark.parametrize("header", ["0.6", "date"])
def test_retry_after_is_honoured(fake, settings, ask, header):
    value = formatdate(time.time() + 2.0, usegmt=True) if header == "date" else header
    fake.script = [status(429, Retry_After=value)]
    ServiceEditor(settings).edit(ask)
    assert fake.asked[1].time - fake.asked[0].time >= 0.6


def test_too_long_a_pause_is_not_waited_for(fake, settings, ask):
    fake.script = [status(429, Retry_After="3600")]
    with pytest.raises(ServiceError, match="pause of 3600 seconds"):
        ServiceEditor(settings).edit(ask)


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (400, {"error": {"message": "moderation blocked", "code": "moderation_blocked"}}),
        (401, {"error": {"message": "Incorrect API key provided.", "code": "invalid_api_key"}}),
        (404, "not found"),
        (429, {"error": {"message": "no money", "code": "insufficient_quota"}}),
        (302, "elsewhere"),
    ],
)
def test_what_will_not_pass_is_refused_at_once(fake, settings, ask, code, body, spent):
    fake.script = [status(code, body, Location="http://127.0.0.1:9/")]
    with pytest.raises(ServiceError, match=f"refused the edit: status {code}"):
        ServiceEditor(settings).edit(ask)
    assert len(fake.asked) == 1
    assert spent() == 0.0


def test_nobody_is_there(settings, ask, spent):
    nobody = replace(settings, url="http://127.0.0.1:9/v1")
    with pytest.raises(ServiceError, match="cannot be reached"):
        ServiceEditor(nobody).edit(ask)
    assert spent() == 0.0


def test_repetitions_count_against_the_budget(fake, settings, ask):
    fake.script = [MISBEHAVIOUR["truncated"]] * 10
    with pytest.raises(ServiceError, match="beyond the budget"):
        ServiceEditor(replace(settings, price=0.4, budget=1.0)).edit(ask)
    assert len(fake.asked) == 2


@pytest.mark.parametrize("name", ["401", "500 with the key", "ok"])
def test_the_key_is_nowhere(fake, settings, ask, caplog, capfd, name):
    leak = f"bad key {settings.key} or sk-***cdef; Authorization: Bearer {settings.key}"
    fake.script = {
        "401": [status(401, {"error": {"message": leak, "code": "invalid_api_key"}})],
        "500 with the key": [status(500, {"error": {"message": leak}})] * 10,
        "ok": [],
    }[name]
    editor = ServiceEditor(settings)
    said = ""
    with caplog.at_level(logging.DEBUG):
        try:
            editor.edit(ask)
        except ServiceError as error:
            said = f"{error} {error!r} {error.__cause__} {error.__context__}"
    assert (name == "ok") == (said == "")
    captured = capfd.readouterr()
    kept = "".join(path.read_text(errors="replace") for path in settings.folder.rglob("*") if path.is_file())
    for text in (said, caplog.text, captured.out, captured.err, repr(settings), repr(editor), kept):
        assert settings.key not in text
        assert "0123456789" not in text
        assert "***cdef" not in text


@given(st.text(max_size=30))
def test_any_retry_after_is_read(text):
    seconds = retry_after(text)
    assert seconds is None or seconds >= 0.0
