"""A local server that speaks the service's protocol, and misbehaves when told to."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler

import numpy as np
import pytest
import torch
from PIL import Image

from editor3d.editors.services.client import RetryPolicy
from editor3d.editors.services.editor import ServiceSettings
from editor3d.editors.services.ledger import Ledger
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
    images: list[Image.Image] = field(default_factory=list)
    """All of them, where several are sent under the key `image[]`."""


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
    fields, files, several = {}, {}, []
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if part.get_filename():
            files[name] = Image.open(io.BytesIO(part.get_payload(decode=True)))
            files[name].load()
            if name == "image[]":
                several.append(files[name])
        else:
            fields[name] = part.get_payload(decode=True).decode()
    first = several[0] if several else files["image"]
    return Asked(
        handler.path, handler.headers["Authorization"], fields, first, files.get("mask"), time.monotonic(), several
    )


@pytest.fixture
def fake(serve) -> Fake:
    state = Fake()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args) -> None:
            pass

        def answer(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            state.fetched.append(self.headers["Authorization"])
            self.answer(200, state.picture)

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
                self.answer(200, json.dumps({"created": 0, "data": [first]}).encode())
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

    state.url = f"{serve(Handler)}/v1"
    return state


@pytest.fixture
def settings(fake, tmp_path) -> ServiceSettings:
    return ServiceSettings(url=fake.url, sizes=((64, 64), (64, 96)), folder=tmp_path / "kept", retry=QUICK, key=KEY)


@pytest.fixture
def spent(settings) -> Callable[[], float]:
    """What the ledger says was paid, US dollars."""
    return lambda: Ledger(settings.folder / "spent.jsonl", 0.0).spent()


@pytest.fixture
def ask() -> EditRequest:
    """A smooth picture, which survives scaling."""
    y, x = torch.meshgrid(torch.linspace(0, 1, 40), torch.linspace(0, 1, 56), indexing="ij")
    return EditRequest("v", "make it gold", condition=torch.stack([x, y, 0.5 * (x + y)], dim=-1))
