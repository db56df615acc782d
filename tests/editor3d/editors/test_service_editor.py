"""The service editor against a local server that speaks the protocol and misbehaves."""

from __future__ import annotations

import base64
import io
import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email.parser import BytesParser
from email.policy import HTTP
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from editor3d.editors import create_editor
from editor3d.editors.ledger import DAY, Ledger
from editor3d.editors.service import ServiceEditor, ServiceSettings
from editor3d.editors.service_client import RetryPolicy, retry_after
from editor3d.errors import ConfigError, EditorUnavailableError, InstructionError, ServiceError
from editor3d.types import EditRequest

KEY = "sk-test-0123456789abcdef"
QUICK = RetryPolicy(
    attempts=4, first_wait=0.01, longest_wait=0.05, longest_retry_after=5.0, connect=2.0, silence=0.3, deadline=1.0
)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@dataclass
class Asked:
    """One request as the server understood it."""

    path: str
    authorization: str | None
    fields: dict[str, str]
    image: Image.Image
    mask: Image.Image | None
    time: float


@dataclass
class Fake:
    """Inverts pictures, after doing what `script` says, one entry a request."""

    url: str = ""
    script: list[Callable[[BaseHTTPRequestHandler], bool]] = field(default_factory=list)
    """Each returns True where the request is to be served after all."""
    asked: list[Asked] = field(default_factory=list)
    as_url: bool = False
    fetched: list[str | None] = field(default_factory=list)
    """The authorization that pictures were fetched with."""
    picture: bytes = b""

    def edited(self, asked: Asked) -> Image.Image:
        return Image.fromarray(255 - np.array(asked.image.convert("RGB")))


def _parse(handler: BaseHTTPRequestHandler) -> Asked:
    body = handler.rfile.read(int(handler.headers["Content-Length"]))
    message = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + handler.headers["Content-Type"].encode() + b"\r\n\r\n" + body
    )
    fields, files = {}, {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if part.get_filename():
            files[name] = Image.open(io.BytesIO(part.get_payload(decode=True)))
            files[name].load()
        else:
            fields[name] = part.get_payload(decode=True).decode()
    return Asked(
        handler.path, handler.headers["Authorization"], fields, files["image"], files.get("mask"), time.monotonic()
    )


def answer(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def fake():
    state = Fake()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args) -> None:
            pass

        def do_GET(self) -> None:
            state.fetched.append(self.headers["Authorization"])
            answer(self, 200, state.picture)

        def do_POST(self) -> None:
            asked = _parse(self)
            state.asked.append(asked)
            try:
                if state.script and not state.script.pop(0)(self):
                    return
                content = _png(state.edited(asked))
                if state.as_url:
                    state.picture = content
                    first = {"url": f"{state.url.removesuffix('/v1')}/picture.png"}
                else:
                    first = {"b64_json": base64.b64encode(content).decode()}
                answer(self, 200, json.dumps({"created": 0, "data": [first]}).encode())
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def settings(fake, tmp_path) -> ServiceSettings:
    return ServiceSettings(url=fake.url, sizes=((64, 64), (64, 96)), folder=tmp_path / "kept", retry=QUICK, key=KEY)


@pytest.fixture
def ask() -> EditRequest:
    """A smooth picture, which survives scaling."""
    y, x = torch.meshgrid(torch.linspace(0, 1, 40), torch.linspace(0, 1, 56), indexing="ij")
    return EditRequest("v", "make it gold", condition=torch.stack([x, y, 0.5 * (x + y)], dim=-1))


def spent(settings: ServiceSettings) -> float:
    return Ledger(settings.folder / "spent.jsonl", 0.0).spent()


def test_a_picture_is_sent_edited_and_put_back_without_shift(fake, settings, ask):
    edited = ServiceEditor(settings).edit(ask)
    assert edited.shape == ask.condition.shape
    assert edited.dtype == torch.float32
    torch.testing.assert_close(edited, 1.0 - ask.condition, atol=0.02, rtol=0)
    assert abs((edited - 1.0 + ask.condition).mean()) < 1e-3
    (asked,) = fake.asked
    assert asked.path == "/v1/images/edits"
    assert asked.authorization == f"Bearer {KEY}"
    assert asked.fields == {"model": "gpt-image-1", "prompt": "make it gold", "n": "1", "size": "96x64"}
    assert asked.image.size == (96, 64)


def test_where_any_size_will_do_the_picture_goes_as_it_is(fake, settings, ask):
    edited = ServiceEditor(replace(settings, sizes=())).edit(ask)
    assert fake.asked[0].image.size == (56, 40)
    assert "size" not in fake.asked[0].fields
    torch.testing.assert_close(edited, 1.0 - ask.condition, atol=0.5 / 255 + 1e-6, rtol=0)


def test_outside_the_mask_the_picture_stays_bit_equal(fake, settings, ask):
    mask = torch.zeros(40, 56, dtype=torch.bool)
    mask[10:30, 20:40] = True
    edited = ServiceEditor(settings).edit(replace(ask, mask=mask))
    assert torch.equal(edited[~mask], ask.condition[~mask])
    torch.testing.assert_close(edited[mask], 1.0 - ask.condition[mask], atol=0.02, rtol=0)
    sent = fake.asked[0].mask
    assert sent.mode == "RGBA"
    assert sent.size == fake.asked[0].image.size
    transparent = np.array(sent)[..., 3] == 0
    assert abs(transparent[:, :90].mean() - mask.float().mean()) < 0.06


def test_pictures_are_fetched_without_the_key_where_the_answer_names_an_address(fake, settings, ask):
    fake.as_url = True
    edited = ServiceEditor(settings).edit(ask)
    torch.testing.assert_close(edited, 1.0 - ask.condition, atol=0.02, rtol=0)
    assert fake.fetched == [None]


def test_the_same_edit_is_paid_for_once(fake, settings, ask):
    first = ServiceEditor(settings).edit(ask)
    again = ServiceEditor(settings)
    assert torch.equal(again.edit(replace(ask, seed=7, view="other")), first)
    assert len(fake.asked) == 1
    for other in (
        replace(ask, instruction="make it red"),
        replace(ask, condition=ask.condition.flip(1)),
        replace(ask, mask=torch.ones(40, 56, dtype=torch.bool)),
    ):
        again.edit(other)
    ServiceEditor(replace(settings, model="another")).edit(ask)
    assert len(fake.asked) == 5
    assert spent(settings) == pytest.approx(5 * settings.price)


def test_a_broken_cache_is_asked_anew(fake, settings, ask):
    editor = ServiceEditor(settings)
    editor.edit(ask)
    (kept,) = settings.folder.glob("*.png")
    kept.write_bytes(kept.read_bytes()[:50])
    editor.edit(ask)
    assert len(fake.asked) == 2


def status(code: int, body: object = "", **headers: str):
    text = body if isinstance(body, str) else json.dumps(body)

    def do(handler) -> bool:
        answer(handler, code, text.encode(), **headers)
        return False

    return do


def stall(handler) -> bool:
    time.sleep(2 * QUICK.silence)
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
    content = _png(Image.new("RGB", (96, 64), "red"))[:-40]
    return status(200, {"data": [{"b64_json": base64.b64encode(content).decode()}]})(handler)


MISBEHAVIOUR = {
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
def test_what_may_pass_is_tried_again(fake, settings, ask, name):
    fake.script = [MISBEHAVIOUR[name]]
    edited = ServiceEditor(settings).edit(ask)
    torch.testing.assert_close(edited, 1.0 - ask.condition, atol=0.02, rtol=0)
    assert len(fake.asked) == 2
    assert spent(settings) == pytest.approx(settings.price * (1 if name in NOT_SERVED else 2))


@pytest.mark.parametrize("name", ["429", "500", "truncated", "no JSON"])
def test_in_the_end_it_gives_up_and_says_why(fake, settings, ask, name):
    fake.script = [MISBEHAVIOUR[name]] * 10
    with pytest.raises(ServiceError, match="no picture in 4 attempts; the last time: .+"):
        ServiceEditor(settings).edit(ask)
    assert len(fake.asked) == QUICK.attempts
    assert not list(settings.folder.glob("*.png"))


def test_the_waits_grow(fake, settings, ask):
    fake.script = [MISBEHAVIOUR["503"]] * 3
    ServiceEditor(replace(settings, retry=replace(QUICK, first_wait=0.1, longest_wait=10.0))).edit(ask)
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
        (401, {"error": {"message": f"Incorrect API key provided: {KEY}.", "code": "invalid_api_key"}}),
        (404, "not found"),
        (429, {"error": {"message": "no money", "code": "insufficient_quota"}}),
        (302, "elsewhere"),
    ],
)
def test_what_will_not_pass_is_refused_at_once(fake, settings, ask, code, body):
    fake.script = [status(code, body, Location="http://127.0.0.1:9/")]
    with pytest.raises(ServiceError, match=f"refused the edit: status {code}"):
        ServiceEditor(settings).edit(ask)
    assert len(fake.asked) == 1
    assert spent(settings) == 0.0


def test_another_shape_is_refused_and_another_size_of_the_same_shape_is_scaled(fake, settings, ask):
    fake.edited = lambda asked: Image.new("RGB", (64, 64), "red")
    with pytest.raises(ServiceError, match="shape 96x64 .* but got 64x64; list the sizes"):
        ServiceEditor(settings).edit(ask)
    assert not list(settings.folder.glob("*.png"))
    fake.edited = lambda asked: Image.new("RGB", (192, 128), (255, 0, 0))
    edited = ServiceEditor(settings).edit(ask)
    torch.testing.assert_close(edited, torch.tensor([1.0, 0.0, 0.0]).expand_as(edited), atol=1e-5, rtol=0)


def test_nobody_is_there(settings, ask):
    nobody = replace(settings, url="http://127.0.0.1:9/v1")
    with pytest.raises(ServiceError, match="cannot be reached"):
        ServiceEditor(nobody).edit(ask)
    assert spent(settings) == 0.0


def test_the_budget_holds_for_all_runs_together(fake, settings, ask):
    capped = replace(settings, price=0.4, budget=1.0)
    ServiceEditor(capped).edit(ask)
    ServiceEditor(capped).edit(replace(ask, instruction="second"))
    with pytest.raises(ServiceError, match=r"0.80 of 1.00 .* raise EDITOR3D_SERVICE_BUDGET"):
        ServiceEditor(capped).edit(replace(ask, instruction="third"))
    assert len(fake.asked) == 2
    # What was paid for stays to be had.
    ServiceEditor(capped).edit(ask)


def test_repetitions_count_against_the_budget(fake, settings, ask):
    fake.script = [MISBEHAVIOUR["truncated"]] * 10
    with pytest.raises(ServiceError, match="beyond the budget"):
        ServiceEditor(replace(settings, price=0.4, budget=1.0)).edit(ask)
    assert len(fake.asked) == 2


def test_the_ledger_forgets_after_a_day_and_survives_a_torn_line(tmp_path):
    now = [1e9]
    ledger = Ledger(tmp_path / "spent.jsonl", 1.0, clock=lambda: now[0])
    ledger.pay(0.6)
    with ledger.path.open("a") as file:
        file.write('{"time": 1e9, "us')
    assert ledger.spent() == pytest.approx(0.6)
    ledger.pay(0.3)
    assert ledger.spent() == pytest.approx(0.9)
    with pytest.raises(ServiceError):
        ledger.pay(0.2)
    now[0] += DAY + 1.0
    ledger.pay(0.9)
    assert ledger.spent() == pytest.approx(0.9)


@pytest.mark.parametrize("name", ["401", "500 with the key", "ok"])
def test_the_key_is_nowhere(fake, settings, ask, caplog, capfd, name):
    leak = f"bad key {KEY} or sk-***cdef; Authorization: Bearer {KEY}"
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
        assert KEY not in text
        assert "0123456789" not in text
        assert "***cdef" not in text


def test_openais_key_goes_to_openai_only(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("EDITOR3D_SERVICE_KEY", raising=False)
    monkeypatch.delenv("EDITOR3D_SERVICE_URL", raising=False)
    assert create_editor("service").settings.key == KEY
    other = create_editor("service:https://pictures.example/v1#painter-2")
    assert other.settings.key == ""
    assert other.settings.model == "painter-2"
    with pytest.raises(EditorUnavailableError, match="the key of pictures.example"):
        other.validate("make it red", [], [])
    monkeypatch.setenv("EDITOR3D_SERVICE_KEY", " another ")
    assert create_editor("service:https://pictures.example/v1").settings.key == "another"
    create_editor("service:https://pictures.example/v1").validate("make it red", [], [])


def test_a_service_on_this_machine_needs_no_key(monkeypatch):
    monkeypatch.delenv("EDITOR3D_SERVICE_KEY", raising=False)
    create_editor("service:http://localhost:8000/v1").validate("make it red", [], [])
    with pytest.raises(InstructionError, match="empty"):
        create_editor("service:http://localhost:8000/v1").validate(" ", [], [])


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("URL", "ftp://a.example", "base URL"),
        ("URL", "https://user:hush@a.example/v1", "base URL"),
        ("PRICE", "cheap", "US dollars"),
        ("PRICE", "-1", "US dollars"),
        ("BUDGET", "nan", "US dollars"),
        ("SIZES", "1024", "WIDTHxHEIGHT"),
        ("SIZES", "0x5", "WIDTHxHEIGHT"),
        ("KEY", "two\nlines", "printable"),
    ],
)
def test_wrong_settings_are_refused_without_repeating_secrets(monkeypatch, variable, value, reason):
    monkeypatch.setenv(f"EDITOR3D_SERVICE_{variable}", value)
    with pytest.raises(ConfigError, match=reason) as refused:
        create_editor("service")
    assert "hush" not in str(refused.value)
    assert "lines" not in str(refused.value)


def test_settings_come_from_the_environment(monkeypatch, tmp_path):
    for name, value in {
        "URL": "https://a.example/v1/",
        "MODEL": "m",
        "SIZES": "512x256, 256x256",
        "PRICE": "0.02",
        "BUDGET": "3",
        "CACHE": str(tmp_path),
    }.items():
        monkeypatch.setenv(f"EDITOR3D_SERVICE_{name}", value)
    found = create_editor("service").settings
    assert (found.url, found.model, found.sizes) == ("https://a.example/v1", "m", ((256, 512), (256, 256)))
    assert (found.price, found.budget, found.folder) == (0.02, 3.0, tmp_path)
    monkeypatch.setenv("EDITOR3D_SERVICE_SIZES", "any")
    assert create_editor("service").settings.sizes == ()


@given(st.text(max_size=30))
def test_any_retry_after_is_read(text):
    seconds = retry_after(text)
    assert seconds is None or seconds >= 0.0
