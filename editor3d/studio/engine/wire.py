"""Requests and answers between the studio and its engine: a line of JSON each, and behind an answer its bytes.

{"act": "frame", ...}                          from the studio
{"ok": {...}, "bytes": 12345} + 12345 bytes    from the engine, or {"error": "one sentence"}
"""

from __future__ import annotations

import json
from typing import Any, BinaryIO

MAX_BYTES = 1 << 28
"""Of an answer; more is none of ours."""


def send(stream: BinaryIO, head: dict[str, Any], body: bytes = b"") -> None:
    """Write one message.

    Raises:
        OSError: the other side has gone.
    """
    stream.write(json.dumps({**head, "bytes": len(body)}, allow_nan=False).encode() + b"\n" + body)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """Read one message; None once the other side has gone."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        return None
    head = json.loads(line)
    size = head.pop("bytes")
    if not 0 <= size <= MAX_BYTES:
        return None
    body = stream.read(size)
    return (head, body) if len(body) == size else None
