"""What holds for every exchange, whoever asks: bounds of the request, the answer's headers, and a failure's answer."""

from __future__ import annotations

import asyncio
import sys
import traceback

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from editor3d.service.http.answers import Refusal, problem
from editor3d.service.http.limits import MAX_HEAD, MAX_UPLOAD

BODY_SECONDS, BODY_RATE = 30.0, 64 * 1024
"""A body of n bytes may take BODY_SECONDS + n / BODY_RATE seconds, however it is spread."""
_LEFT_SECONDS, _LEFT_BYTES = 1.0, 1 << 18
"""How much of a body that nobody reads is taken off the line before the answer."""
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Connection": "close",  # a connection serves one request, so that its limits are the request's
}


class Bounds:
    """Middleware: a head is short, a body comes within its time, and each answer has the same headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body(receive, length_of(Headers(scope=scope)) or 0)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                await body.discard()
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        # h11 bounds a head only while it is not whole
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEAD:
            await problem(431, f"Expected a head of at most {MAX_HEAD} bytes.")(scope, receive, answer)
            return
        await self._app(scope, body.receive, answer)


class _Body:
    """A request's body, of which `length` bytes were announced."""

    def __init__(self, receive: Receive, length: int) -> None:
        self._receive = receive
        self._until = asyncio.get_running_loop().time() + BODY_SECONDS + min(length, MAX_UPLOAD) / BODY_RATE
        self._whole = length == 0

    async def receive(self) -> Message:
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError as error:
            raise Refusal(408, "The request took too long: send it anew.") from error
        self._whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def discard(self) -> None:
        """Take what is left off the line: a client that is still sending would not see the answer."""
        if self._whole:
            return
        try:
            async with asyncio.timeout(_LEFT_SECONDS):
                seen = 0
                while not self._whole and seen < _LEFT_BYTES:
                    seen += len((await self.receive()).get("body", b""))
        except (TimeoutError, Refusal):
            pass


class Failures:
    """Middleware: an error that nobody foresaw is answered in a sentence; its traceback goes to the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception:  # noqa: BLE001 - the service outlives a request
            traceback.print_exc(file=sys.stderr)
            if started:
                raise  # which ends the connection: half an answer is to be seen as one
            await problem(500, "The service failed at this request: its log says why.")(scope, receive, send)


def length_of(headers: Headers) -> int | None:
    """The announced length of a body in bytes; None where none is."""
    text = headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def require_length(headers: Headers, limit: int) -> int:
    """The length of a body that is needed.

    Raises:
        Refusal: it is not announced, or above the limit in bytes.
    """
    length = length_of(headers)
    if length is None or "Transfer-Encoding" in headers:
        raise Refusal(411, "Say the length of what is sent.")
    if length > limit:
        raise Refusal(413, f"Expected at most {limit} bytes, got {length}: send less.")
    return length
