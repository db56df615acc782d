"""Connections that take too long: each has a time for its request's head and for the taking of its answer, and whoever
has not proved who it is makes room for the next.

uvicorn holds back a sender whose body is not read, but lets a connection wait forever.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""From the connection's start to the end of the request's head."""
ANSWER_SECONDS = 120.0
"""The longest time in which nothing of an answer is taken."""

Address = tuple[str, int]
"""Of the other end, which names a connection while it is open."""


class Connections:
    """Those that are open, of which some are known to belong to clients. For one thread.

    Args:
        most: open at a time. One more takes the place of the oldest that has proved nothing.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: dict[Address, asyncio.Transport] = {}
        self._unproved: dict[Address, asyncio.Transport] = {}

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    def begin(self, client: Address, transport: asyncio.Transport) -> bool:
        """Take a new one in; False where there is no room, which only clients can bring about."""
        if len(self._open) >= self._most:
            if not self._unproved:
                return False
            oldest = next(iter(self._unproved))
            self._unproved[oldest].abort()
            self.end(oldest)
        self._open[client] = self._unproved[client] = transport
        return True

    def proved(self, client: Address) -> None:
        """It is a client's."""
        self._unproved.pop(client, None)

    def end(self, client: Address) -> None:
        """It is closed."""
        self._open.pop(client, None)
        self._unproved.pop(client, None)


class BoundedConnection(H11Protocol):
    """uvicorn's connection over h11, with a limit to each of its waits; the body's is `bounds.Bounds`'s.

    Args:
        open_ones: all of this server.
        others: what uvicorn gives.
    """

    def __init__(self, open_ones: Connections, **others: Any) -> None:
        super().__init__(**others)
        self._open_ones = open_ones
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client is None or not self._open_ones.begin(self.client, transport):
            transport.abort()
            return
        self._allow(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._allow(None)
        if self.client is not None:
            self._open_ones.end(self.client)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        if before is None and self.cycle is not None and not self.cycle.response_complete:  # the head has ended
            self._allow(None)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._allow(ANSWER_SECONDS)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._allow(ANSWER_SECONDS if self.cycle is not None and self.cycle.response_complete else None)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._allow(ANSWER_SECONDS)  # until the last of it is taken

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request; `msg` is uvicorn's text for it."""
        if self.cycle is not None:  # an answer is on its way, or has been sent
            self.transport.abort()
            return
        body = b'{"error": "Expected a request of HTTP/1.1, got something else: check what is sent."}'
        head = f"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self.transport.write(f"{head}Connection: close\r\n\r\n".encode() + body)
        self.transport.close()

    def _allow(self, seconds: float | None) -> None:
        """Cut the connection off in so many seconds; None lets it be."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)
