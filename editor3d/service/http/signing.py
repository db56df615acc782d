"""Prove to each other that client and service know the token, which itself is never sent.

A client signs each request; the service signs its answer to it. So a program that took over the port of a service that
has ended learns nothing that it could use, and is not believed. With k the token and | a line's end:

    request: HMAC-SHA256(k, "request" | method | target | host | time | nonce | SHA-256 of the body)
    answer:  HMAC-SHA256(k, "answer" | nonce | status)

A signature holds for one request, to one port, for a minute. `blender_addon/job/client.py` has the client's half once
more, since the add-on imports nothing of ours.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from dataclasses import dataclass

SCHEME = "EDITOR3D-HMAC"
PROOF = "X-Editor3d-Proof"
"""The header of an answer that holds the service's signature."""
WINDOW = 60.0
"""Seconds by which the time of a request may differ from the service's."""


@dataclass(frozen=True)
class Signed:
    """What a request says of itself."""

    time: str
    nonce: str
    digest: str
    """SHA-256 of the body, hexadecimal."""
    signature: str

    def header(self) -> str:
        """The value of the header Authorization."""
        return f"{SCHEME} {self.time}:{self.nonce}:{self.digest}:{self.signature}"

    @classmethod
    def read(cls, header: str) -> Signed | None:
        """What a header Authorization says; None where it is none of ours."""
        scheme, _, rest = header.partition(" ")
        parts = rest.split(":")
        return cls(*parts) if scheme == SCHEME and len(parts) == 4 and rest.isascii() else None


def signed(token: str, method: str, target: str, host: str, body: bytes = b"") -> Signed:
    """Sign a request that is sent now.

    Args:
        target: path and query, as they are sent.
        host: the header Host, as it is sent.
    """
    moment, nonce, digest = f"{time.time():.3f}", secrets.token_hex(16), hashlib.sha256(body).hexdigest()
    return Signed(moment, nonce, digest, _signature(token, "request", method, target, host, moment, nonce, digest))


def proof(token: str, nonce: str, status: int) -> str:
    """The service's signature of its answer to the request of a nonce."""
    return _signature(token, "answer", nonce, str(status))


def is_proof(found: str | None, token: str, nonce: str, status: int) -> bool:
    """Whether an answer was made by a service that knows the token."""
    return found is not None and hmac.compare_digest(found.encode(), proof(token, nonce, status).encode())


class Signatures:
    """Checks requests, each of which counts once."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()

    def accepts(self, given: Signed | None, method: str, target: str, host: str) -> bool:
        """Whether a request was signed by whoever knows the token, a moment ago and for the first time."""
        if given is None:
            return False
        parts = (method, target, host, given.time, given.nonce, given.digest)
        if not hmac.compare_digest(_signature(self._token, "request", *parts).encode(), given.signature.encode()):
            return False
        now = time.time()
        if not abs(now - float(given.time)) <= WINDOW:  # a number: the signature holds
            return False
        with self._lock:
            self._seen = {nonce: at for nonce, at in self._seen.items() if now - at <= 2 * WINDOW}
            if given.nonce in self._seen:
                return False
            self._seen[given.nonce] = now
        return True


def _signature(token: str, *parts: str) -> str:
    return hmac.new(token.encode(), "\n".join(parts).encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
