"""Limits on a client's requests."""

from __future__ import annotations

import threading
import time

MAX_HEAD = 16 * 1024
"""Bytes of a request's first lines."""
MAX_JSON = 64 * 1024
MAX_UPLOAD = 1 << 30
MAX_CONNECTIONS = 32
MAX_STREAMS = 16
"""Streams of events at a time, so that they leave connections for other requests."""


class Rate:
    """A bucket of tokens: `burst` at once, `per_second` in the long run."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._rate, self._burst, self._left = per_second, burst, burst
        self._lock, self._last = threading.Lock(), time.monotonic()

    def take(self) -> bool:
        """Whether one more is allowed now."""
        with self._lock:
            now = time.monotonic()
            self._left = min(self._burst, self._left + (now - self._last) * self._rate)
            self._last = now
            if self._left < 1.0:
                return False
            self._left -= 1.0
            return True
