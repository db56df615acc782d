"""The ledger of a refinement, one JSON line per event, so that a killed run resumes without repeating finished work.

The file is only ever appended to, and what is paid for is on disk before the run continues. Every line has `event` and
`at`, the seconds of the run up to then, those of earlier sessions included.

    call      a model call is about to be made; `reserved` tokens are set aside for it
    paid      that call has ended, and cost `tokens`; with `key` and `text` where it was answered
    rendering a candidate is about to be rendered
    render    its picture, or why there is none: `source` (digest), `status`, `loss`, its `parts`, `seconds`,
              `retries` after a process that died
    proposal  a candidate: `key`, `source`, `note`, `calls`, `tokens`
    verdict   which of two pictures won: `key`, `winner`, ...
    failed    a proposal or verdict that a model did not give: `key`, `reason`
    round     the incumbent after a round
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Union

import msgspec

from editor3d.errors import DataError, first_line
from editor3d.files.writing import jsonable
from editor3d.run.clock import RunClock

_PAID = frozenset(["paid", "call", "render", "proposal", "verdict", "failed", "imagined"])
"""Events that must outlive a power failure; the others can be made again at no cost."""
_ANSWERS = frozenset(["proposal", "verdict", "failed", "imagined", "round"])


_FIELDS: dict[str, list[tuple]] = {
    "call": [("reserved", int)],
    "paid": [("tokens", int), ("key", str, ""), ("text", str, "")],
    "rendering": [],
    "render": [
        ("source", str),
        ("status", str),
        ("seconds", float),
        ("message", str),
        ("loss", float | None),
        ("retries", int, 0),
    ],
    "proposal": [("key", str), ("source", str), ("text", str), ("note", str)],
    "verdict": [("key", str), ("winner", Literal["left", "right"]), ("decided", bool)],
    "failed": [("key", str)],
    "imagined": [("key", str)],
    "round": [("key", str)],
}
"""What a resumed run reads of each event, besides `at`: names, types and what is taken where there is none."""
_Line = Union[  # noqa: UP007 (of a tuple that is made here)
    tuple(
        msgspec.defstruct(event.title(), [("at", float), *fields], tag_field="event", tag=event)
        for event, fields in _FIELDS.items()
    )
]


class RunLedger:
    """The events of one run, in memory and in a file."""

    def __init__(self, path: Path, now: Callable[[], float] = time.perf_counter) -> None:
        """Read what is there; a last line that a crash left unfinished is cut off.

        Args:
            path: the file; made with the first event.
            now: seconds, from any start.

        Raises:
            DataError: a line that is no event.
        """
        self.path = path
        self.events: list[dict[str, Any]] = []
        whole = self._read() if path.is_file() else 0
        self._answers = self._answered()
        self._renders = {event["source"]: event for event in self.events if event["event"] == "render"}
        self.clock = RunClock(self.events[-1]["at"] if self.events else 0.0, now)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("r+b" if path.is_file() else "x+b")
        self._file.truncate(whole)
        self._file.seek(whole)

    def close(self) -> None:
        self._file.close()

    def append(self, event: str, **fields: Any) -> dict[str, Any]:
        """Append an event; what is paid for is on disk when this returns."""
        entry = {"event": event, "at": round(self.clock.seconds, 3), **jsonable(fields)}
        self._file.write(json.dumps(entry, ensure_ascii=False, allow_nan=False).encode() + b"\n")
        self._file.flush()
        if event in _PAID:
            os.fsync(self._file.fileno())
        self.events.append(entry)
        if event in _ANSWERS or (event == "paid" and "key" in entry):
            self._answers[entry["key"]] = entry
        elif event == "render":
            self._renders[entry["source"]] = entry
        return entry

    def answer(self, key: str) -> Mapping[str, Any] | None:
        """The proposal, verdict or failure that was recorded for this step of the search."""
        return self._answers.get(key)

    def rendered(self, digest: str) -> Mapping[str, Any] | None:
        """What became of the program of this digest."""
        return self._renders.get(digest)

    def of(self, event: str) -> list[dict[str, Any]]:
        """All events of one kind, oldest first."""
        return [entry for entry in self.events if entry["event"] == event]

    def _read(self) -> int:
        """Load the events; the length of the whole lines in bytes."""
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        for number, line in enumerate(content[:whole].splitlines(), start=1):
            try:
                msgspec.json.decode(line, type=_Line)
                entry = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(
                    f"Expected an event of a refinement in line {number} of {self.path}, found it damaged "
                    f"({first_line(error)}): begin a new run in another folder."
                ) from error
            self.events.append(entry)
        return whole

    def _answered(self) -> dict[str, dict[str, Any]]:
        """Answers by key. Failures after the last success are what stopped the run: they are repeated."""
        successes = [
            index for index, entry in enumerate(self.events) if entry["event"] in ("proposal", "verdict", "imagined")
        ]
        last = successes[-1] if successes else -1
        return {
            entry["key"]: entry
            for index, entry in enumerate(self.events)
            if (entry["event"] in _ANSWERS and (entry["event"] != "failed" or index < last))
            or (entry["event"] == "paid" and "key" in entry)
        }
