"""Connections that take too long: each request has a deadline as a whole, and whoever has not proved who it is makes
room for the next."""

from __future__ import annotations

import io
import socket
import threading
import time
from contextlib import suppress

HEAD_SECONDS = 10.0
"""From the connection's start to the end of the request's head."""
BODY_SECONDS, BODY_RATE = 30.0, 64 * 1024
"""A body of n bytes may take BODY_SECONDS + n / BODY_RATE seconds."""
ANSWER_SECONDS = 120.0
"""The longest time in which nothing of an answer is taken."""


class TimedReader(io.RawIOBase):
    """Reads a socket until a moment; what comes later raises TimeoutError, however it is spread.

    The socket's own time limit, which holds for the answer, stays as it is.
    """

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self.allow(seconds)

    def allow(self, seconds: float) -> None:
        """Set the moment, from now on."""
        self._until = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request took too long")
        own = self._connection.gettimeout()
        self._connection.settimeout(left)
        try:
            return self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(own)


class Connections:
    """Those that are open, of which a number is known to belong to clients.

    Args:
        most: open at a time. One more takes the place of the oldest that has proved nothing.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._unproved: dict[int, socket.socket] = {}
        self._open = 0
        self._lock = threading.Lock()

    def begin(self, connection: socket.socket) -> bool:
        """Take a new one in; False where there is no room, which only clients can bring about."""
        with self._lock:
            if self._open >= self._most:
                if not self._unproved:
                    return False
                oldest = self._unproved.pop(next(iter(self._unproved)))
                with suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads from it
            self._open += 1
            self._unproved[id(connection)] = connection
            return True

    def proved(self, connection: socket.socket) -> None:
        """It is a client's."""
        with self._lock:
            self._unproved.pop(id(connection), None)

    def end(self, connection: socket.socket) -> None:
        """It is closed."""
        with self._lock:
            self._unproved.pop(id(connection), None)
            self._open -= 1
