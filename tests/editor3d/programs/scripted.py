"""A local server that speaks the chat-completions protocol, and a renderer whose pictures are a program's numbers."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

import numpy as np
from PIL import Image

from editor3d.editors.services.client import RetryPolicy
from editor3d.programs.core.contracts import Rendered, RenderSettings
from editor3d.programs.language.syntax import Program

KEY = "sk-test-0123456789abcdef"
TOKENS = 100
"""What the server says that each answer cost."""
QUICK = RetryPolicy(
    attempts=3, first_wait=0.01, longest_wait=0.02, longest_retry_after=5.0, connect=2.0, silence=1.5, deadline=5.0
)
FIRST = "brightness = 0.125\nangle = 0.5\n"


class Painter:
    """Paints a program: brightness is how bright, the other numbers tilt it. It stands for Blender in tests of the
    search itself; what contains the word fail fails."""

    def __init__(self, settings: RenderSettings) -> None:
        self.settings, self.sources = settings, []
        self.pause = 0.0

    def render(self, source: str, deadline: float | None = None) -> Rendered:
        self.sources.append(source)
        time.sleep(self.pause)
        if "fail" in source:
            return Rendered("failed", None, 0.0, "It failed.")
        values = [float(p.value) for p in Program(source).parameters if p.kind == "number"]
        y, x = np.mgrid[0 : self.settings.height, 0 : self.settings.width] / max(self.settings.width, 2)
        picture = values[0] * (0.6 + 0.2 * np.sin(6 * x * values[1]) + 0.2 * np.cos(5 * y * sum(values[1:])))
        image = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
        return Rendered("ok", np.repeat(image[..., None], 3, axis=-1), 0.001)

    def protections(self) -> Sequence[str]:
        return ("none: it runs nothing",)

    def close(self) -> None:
        pass


@dataclass
class Chat:
    """Proposes the programs of `programs` one after the other, and judges the brighter picture nearer.

    Before that it does what `script` says, one entry a request; each returns True where the request is to be served.
    """

    url: str = ""
    programs: list[str] = field(default_factory=list)
    script: list[Callable[[BaseHTTPRequestHandler], bool]] = field(default_factory=list)
    asked: list[dict] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    """What was answered whole: proposal or verdict."""
    authorizations: list[str | None] = field(default_factory=list)
    judge: Callable[[list[np.ndarray]], str] = lambda pictures: (
        "first" if pictures[-2].mean() > pictures[-1].mean() else "second"
    )
    lock: threading.Lock = field(default_factory=threading.Lock)
    seeds: dict[int, int] = field(default_factory=dict)
    """Which program the requests of a seed get: a request that is made again gets the same one."""

    @property
    def proposals(self) -> int:
        return self.answered.count("proposal")

    @property
    def verdicts(self) -> int:
        return self.answered.count("verdict")

    def answer(self, body: dict) -> tuple[str, str]:
        """The kind of the request, and what is said to it."""
        if body["messages"][0]["content"].startswith("You compare"):
            nearer = self.judge(_pictures(body["messages"]))
            return "verdict", json.dumps({"reason": "it is brighter", "nearer": nearer})
        with self.lock:
            number = self.seeds.setdefault(body["seed"], len(self.seeds))
            program = self.programs[number % len(self.programs)]
        return "proposal", program if "```" in program or "<<<" in program else f"I try this.\n```python\n{program}```"


def _pictures(messages: list[dict]) -> list[np.ndarray]:
    found = []
    for part in messages[-1]["content"]:
        if part["type"] == "image_url":
            content = base64.b64decode(part["image_url"]["url"].partition(",")[2])
            found.append(np.array(Image.open(io.BytesIO(content))))
    return found


class ChatHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Chat

    def log_message(self, *args) -> None:
        pass

    def send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def say(self, text: str | None, **more) -> None:
        content = {"choices": [{"message": {"role": "assistant", "content": text}}], "usage": {"total_tokens": TOKENS}}
        self.send(200, json.dumps({**content, **more}).encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        state = self.state
        with state.lock:
            state.asked.append(body)
            state.authorizations.append(self.headers["Authorization"])
            step = state.script.pop(0) if state.script else None
        try:
            if step is not None and not step(self):
                return
            kind, text = state.answer(body)
            self.say(text)
            state.answered.append(kind)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
