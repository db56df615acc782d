"""What a command reports to other programs while it works: typed events, one JSON object a line.

A command sets up one sink (`writing`), and whatever it runs calls `emit`. Without a sink `emit` does nothing.
docs/events.md publishes the schema.
"""

from __future__ import annotations

import builtins
import errno
import json
import os
import sys
import threading
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from editor3d.errors import ConfigError, Editor3DWarning
from editor3d.host.surroundings import EVENTS_VARIABLE

STDOUT = "-"
"""Names the standard output instead of a file; nothing else is printed there then."""


_RESULTS = {
    "run": "",
    "record": "edit.json",
    "before_after": "before_after.png",
    "turntable": "turntable.mp4",
    "pictures": "edited",
}


def _tag(name: str) -> str:
    return {"Edit2D": "edit_2d"}.get(name, name.lower())


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=_tag, tag_field="event"):
    """One line."""


class Started(Event, frozen=True, kw_only=True):
    """The command begins. The first event."""

    command: Annotated[str, Meta(description="The command: edit, mesh, refine, …, or ns-train.")]
    version: Annotated[str, Meta(description="The version of editor3d.")] = ""


class Progress(Event, frozen=True, kw_only=True):
    """How far a part of the work is."""

    what: Annotated[str, Meta(description="The part of the work: a method's name, rendering, editing, search, …")]
    done: Annotated[int, Meta(ge=0, description="How much is done.")]
    total: Annotated[int, Meta(ge=0, description="How much there is in all; 0 where that is not known.")]
    unit: Annotated[str, Meta(description="What is counted: steps, views, frames or candidates.")]
    seconds_left: Annotated[float | None, Meta(description="Seconds until this part is done; null while unknown.")] = (
        None
    )
    note: Annotated[str, Meta(description="The work just now, in a few words.")] = ""


class Picture(Event, frozen=True, kw_only=True):
    """A picture that shows how the work stands. It may be replaced or removed later."""

    path: Annotated[str, Meta(description="A PNG file, absolute.")]
    view: Annotated[str, Meta(description="The view, or the candidate, that it shows; empty for several at once.")] = ""


class Edit2D(Event, frozen=True, kw_only=True):
    """The 2D editor has edited one picture."""

    view: Annotated[str, Meta(description="The name of the view.")]
    number: Annotated[int, Meta(ge=1, description="Which edit of this run it is, from 1.")]
    seconds: Annotated[float, Meta(ge=0.0, description="Seconds that it took.")] = 0.0
    cost: Annotated[
        float | None,
        Meta(description="US dollars of the requests made for it to a paid service; null with other editors."),
    ] = None


class Plan(Event, frozen=True, kw_only=True):
    """What an edit by a few 2D edits will take, before any is made."""

    edits: Annotated[int, Meta(ge=1, description="2D edits in all, at most; it is exact where none fails.")]
    views: Annotated[tuple[str, ...], Meta(description="The names of the views that are edited, the first one first.")]
    covered: Annotated[
        float | None, Meta(description="The share of what all views show that these show, 0 to 1; null where unknown.")
    ] = None
    seconds: Annotated[float | None, Meta(description="Seconds of all 2D edits; null where that is not known.")] = None
    cost: Annotated[float | None, Meta(description="US dollars of all 2D edits; null where none are paid.")] = None
    calls: Annotated[
        int | None, Meta(description="Calls of the 2D editor, which may take several pictures; null where unknown.")
    ] = None
    cost_at_most: Annotated[
        float | None,
        Meta(description="US dollars, where pictures of one call do not come back well; null where none are paid."),
    ] = None


class Cost(Event, frozen=True, kw_only=True):
    """What a search has spent so far."""

    calls: Annotated[int, Meta(ge=0, description="Requests to a model.")] = 0
    tokens: Annotated[int, Meta(ge=0, description="Tokens into and out of a model.")] = 0
    renders: Annotated[int, Meta(ge=0, description="Programs that were run.")] = 0
    seconds: Annotated[float, Meta(ge=0.0, description="Seconds, those of earlier sessions included.")] = 0.0


class Warning(Event, frozen=True, kw_only=True):
    """Something that the user should know, and that stops nothing."""

    sentence: Annotated[str, Meta(description="One sentence.")]


class Result(Event, frozen=True, kw_only=True):
    """Something that the command has made and that stays."""

    kind: Annotated[
        str,
        Meta(
            description="run (a folder to resume, export or edit), base (the folder of a reconstruction), record, "
            "report, before_after, turntable, picture, pictures, video, mesh, pointcloud, splats, images, scene, "
            "program or holes."
        ),
    ]
    path: Annotated[str, Meta(description="The file or folder, absolute.")]


class Error(Event, frozen=True, kw_only=True):
    """Why the command ends without success."""

    sentence: Annotated[str, Meta(description="What was expected, what came and what to do, in one sentence.")]


class Finished(Event, frozen=True, kw_only=True):
    """The command ends. The last event; a process that was killed leaves none."""

    code: Annotated[int, Meta(description="The exit code: 0 done, 2 a mistake of the user's, 130 interrupted.")]
    seconds: Annotated[float, Meta(ge=0.0, description="Seconds since the command began.")] = 0.0


AnyEvent = Started | Progress | Picture | Edit2D | Plan | Cost | Warning | Result | Error | Finished
_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def schema() -> dict[str, Any]:
    """The JSON Schema of one line."""
    return msgspec.json.schema(AnyEvent)


def read(lines: Iterable[bytes]) -> Iterator[AnyEvent]:
    """The events of some lines. What is no event is passed over: a full disk may have cut a line short."""
    for line in lines:
        try:
            yield _decoder.decode(line)
        except msgspec.DecodeError:  # also what is no such event
            continue


class _Sink:
    """Writes lines to a file descriptor, each at once and whole; what cannot be written is left out."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.began = time.monotonic()
        self._lock = threading.Lock()
        self._torn = False
        """Whether a line was cut short: the next one begins on a line of its own."""

    def write(self, event: Event) -> None:
        line = _encoded(event) + b"\n"
        with self._lock:
            left = memoryview(b"\n" + line if self._torn else line)
            begun = False
            try:
                while left:
                    written = os.write(self._descriptor, left)
                    begun, left = begun or written > 0, left[written:]
            except OSError:  # a full disk, or a reader that has left: the work continues without
                self._torn = self._torn or begun
            else:
                self._torn = False


def _encoded(event: Event) -> bytes:
    try:
        return _encoder.encode(event)
    except UnicodeEncodeError:  # a path that is no UTF-8: its odd bytes are escaped
        return json.dumps(msgspec.to_builtins(event)).encode()


_sink: _Sink | None = None


def emit(event: Event) -> None:
    """Write an event to the sink of the command that runs; nothing where there is none. Raises nothing."""
    if _sink is not None:
        _sink.write(event)


def followed() -> bool:
    """Whether events are written anywhere."""
    return _sink is not None


def emit_finished(code: int) -> None:
    """Emit that the command ends, and how long it took since its sink was set up."""
    if _sink is not None:
        emit(Finished(code=code, seconds=time.monotonic() - _sink.began))


def absolute(path: Path | str) -> str:
    """A path as events name it."""
    return os.path.abspath(os.path.expanduser(path))


def emit_results(run: Path, **others: Iterable[Path]) -> None:
    """Emit what a finished run has left: those of its usual files that are there, and others by their kind."""
    found = {kind: run / name for kind, name in _RESULTS.items() if (run / name).exists()}
    for kind, path in [*found.items(), *((kind, path) for kind, paths in others.items() for path in paths)]:
        emit(Result(kind=kind, path=absolute(path)))


@contextmanager
def writing(target: str) -> Iterator[None]:
    """Within it events are written to a file, after what it holds already, or with `-` to the standard output.

    With `-` all that is printed besides goes to the standard error.

    Raises:
        ConfigError: the file cannot be opened.
    """
    global _sink
    before, descriptor = _sink, _open(target)
    _sink = _Sink(descriptor)
    show = warnings.showwarning
    _emit_warnings()
    try:
        if target == STDOUT:
            with _stdout_to_stderr():
                yield
        else:
            yield
    finally:
        _sink, warnings.showwarning = before, show
        os.close(descriptor)


def write_as_environment_says() -> bool:
    """Write events to what `EDITOR3D_EVENTS` names until the process ends; whether it names anything.

    Raises:
        ConfigError: the file cannot be opened.
    """
    global _sink
    target = os.environ.get(EVENTS_VARIABLE, "")
    if target and _sink is None:
        _sink = _Sink(_open(target))
        _emit_warnings()
        if target == STDOUT:
            os.dup2(2, 1)
            sys.stdout = sys.stderr
    return _sink is not None


def _emit_warnings() -> None:
    """Emit each `Editor3DWarning` that `warnings.warn` shows from here on, besides showing it."""
    show = warnings.showwarning

    def emit_and_show(
        message: builtins.Warning | str, category: type[builtins.Warning], *where: Any, **more: Any
    ) -> None:
        if issubclass(category, Editor3DWarning):
            emit(Warning(sentence=str(message)))
        show(message, category, *where, **more)

    warnings.showwarning = emit_and_show


def _open(target: str) -> int:
    try:
        if target == STDOUT:
            sys.stdout.flush()
            return os.dup(1)
        return os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    except OSError as error:
        reason = os.strerror(error.errno or errno.EIO)
        raise ConfigError(
            f"Expected a file that can be written for events, but {target} cannot be ({reason}): name another."
        ) from error


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """What this process and those that it starts print to the standard output goes to the standard error."""
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
