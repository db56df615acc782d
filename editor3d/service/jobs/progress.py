"""How far a job is, read from what its command prints and the pictures that its run leaves."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(r"^(?P<what>[\w-]+): (?P<done>\d+)/(?P<total>\d+), (?P<left>[\d.]+) s left ?(?P<note>.*)$")
"""As `editor3d.run.progress` prints it where there is no terminal."""
_TAIL = 64 * 1024


@dataclass(frozen=True)
class Progress:
    """How far a command is."""

    what: str = ""
    done: int = 0
    total: int = 0
    """0 where nothing is known yet."""
    seconds_left: float | None = None
    note: str = ""


def tail(log: Path, size: int = _TAIL) -> str:
    """The last `size` bytes of a log, from the start of a line."""
    try:
        with log.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - size))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return text if end <= size else text.partition("\n")[2]


def read_progress(text: str) -> Progress:
    """The last line of progress in a log, and the last line of any kind as its note where that has none."""
    found, last = None, ""
    for line in text.splitlines():
        match = _LINE.match(line.strip())
        if match:
            found = match
        elif line.strip():
            last = line.strip()
    if found is None:
        return Progress(note=last[:200])
    return Progress(
        what=found["what"],
        done=int(found["done"]),
        total=int(found["total"]),
        seconds_left=float(found["left"]),
        note=found["note"].strip(),
    )


def last_error(text: str) -> str:
    """The sentence that a command ended with, or its last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in reversed(lines):
        if line.startswith("error: "):
            return line[len("error: ") :]
    return lines[-1] if lines else ""
