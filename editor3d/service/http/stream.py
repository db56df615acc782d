"""A job's events as a stream of server-sent events (WHATWG HTML, section 9.2), which is resumed where it broke off.

event: EVENT      one that the job's commands wrote (docs/events.md); its id is its end in the job's file of events
event: job        the job as GET /v1/jobs/ID gives it: first, whenever its state or step changes, and last
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
from starlette.concurrency import run_in_threadpool

from editor3d.run import events
from editor3d.service.http.answers import Refusal
from editor3d.service.jobs.queue import FINISHED, Job

LAST = "end"
"""The id of the last event of a stream."""
POLL_SECONDS = 0.2
"""Between two looks at what is new."""
QUIET_SECONDS = 15.0
"""After so long without an event a comment is sent, by which each side notices that the other has left."""
_BLOCK = 1 << 18
"""Bytes that are read at a time; a longer line is no event."""


async def follow(job: Job, start: int, ending: Callable[[], bool]) -> AsyncIterator[bytes]:
    """The stream, until the job has ended.

    Args:
        start: the place in the job's file of events from which on they are sent, see `place_of`.
        ending: whether the stream is to break off.
    """
    shown: tuple[str, int] | None = None
    loop = asyncio.get_running_loop()
    place, sent = start, loop.time()
    while not ending():
        now = (job.state, job.step)  # before the file is read: nothing is written once the job has ended
        if now[0] not in FINISHED and now != shown:
            yield _message("job", await run_in_threadpool(job.snapshot))
            shown, sent = now, loop.time()
        found, until = await run_in_threadpool(_read, job.watched.path, place)
        for message in found:
            yield message
            sent = loop.time()
        if until > place:
            place = until
            continue
        if now[0] in FINISHED:
            yield _message("job", await run_in_threadpool(job.snapshot), LAST)
            return
        if loop.time() - sent > QUIET_SECONDS:
            yield b":\n\n"
            sent = loop.time()
        await asyncio.sleep(POLL_SECONDS)


def place_of(last_id: str | None, path: Path) -> int:
    """The place after the event of an id; 0 without one.

    Raises:
        Refusal: no event of the file has that id.
    """
    if not last_id:
        return 0
    place = int(last_id) if last_id.isascii() and last_id.isdigit() and len(last_id) < 19 else -1
    try:
        with path.open("rb") as file:
            file.seek(max(0, place - 1))
            good = place > 0 and file.read(1) == b"\n"
    except OSError:
        good = False
    if not good:
        raise Refusal(400, "Expected an id of this stream as Last-Event-ID: leave it out to begin anew.")
    return place


def _read(path: Path, place: int) -> tuple[list[bytes], int]:
    """The next events of a file as messages, and where they end."""
    try:
        with path.open("rb") as file:
            file.seek(place)
            block = file.read(_BLOCK)
    except OSError:  # not there yet, or gone with its job
        return [], place
    lines = [line + b"\n" for line in block.split(b"\n")[:-1]]  # one that is being written now is read next time
    if not lines and len(block) == _BLOCK:
        return [], place + len(block)
    found = []
    for line in lines:
        place += len(line)
        found += [_message(event.__struct_config__.tag, event, place) for event in events.read([line])]
    return found, place


def _message(name: object, value: object, key: int | str | None = None) -> bytes:
    """One message; JSON has no line's end, so that its data is one line."""
    head = f"event: {name}\n" + ("" if key is None else f"id: {key}\n")
    return head.encode() + b"data: " + msgspec.json.encode(value) + b"\n\n"
