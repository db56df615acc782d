"""An image-edit service on this machine that speaks OpenAI's protocol, counts what it is sent, and inverts pictures."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image


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
    digest: str = ""
    """Of all pictures and fields: equal in two requests that are the same."""


@dataclass
class FakeService:
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


def png(image: Image.Image) -> bytes:
    """A picture as the bytes of a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def handler_of(state: FakeService) -> type[BaseHTTPRequestHandler]:
    """What serves by `state`."""

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
                content = png(state.edited(asked))
                if state.as_url:
                    state.picture = content
                    first = {"url": f"{state.url.removesuffix('/v1')}/picture.png"}
                else:
                    first = {"b64_json": base64.b64encode(content).decode()}
                self.answer(200, json.dumps({"created": 0, "data": [first]}).encode())
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

    return Handler


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serves by a handler on a port of this machine; gives the server's URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _parse(handler: BaseHTTPRequestHandler) -> Asked:
    body = handler.rfile.read(int(handler.headers["Content-Length"]))
    message = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + handler.headers["Content-Type"].encode() + b"\r\n\r\n" + body
    )
    fields: dict[str, str] = {}
    files: dict[str, Image.Image] = {}
    several: list[Image.Image] = []
    digest = hashlib.sha256()
    for part in message.iter_parts():  # pyright: ignore[reportAttributeAccessIssue]  # the policy makes it an EmailMessage
        assert isinstance(part, Message)
        name, content = str(part.get_param("name", header="content-disposition")), part.get_payload(decode=True)
        assert isinstance(content, bytes)
        digest.update(name.encode() + hashlib.sha256(content).digest())
        if part.get_filename():
            files[name] = Image.open(io.BytesIO(content))
            files[name].load()
            if name == "image[]":
                several.append(files[name])
        else:
            fields[name] = content.decode()
    first, mask = several[0] if several else files["image"], files.get("mask")
    sent = handler.path, handler.headers["Authorization"]
    return Asked(*sent, fields, first, mask, time.monotonic(), several, digest.hexdigest())
