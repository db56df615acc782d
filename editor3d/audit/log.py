"""The log of instructions, refusals and results of this user: a file that is only ever appended to.

Each line is a JSON object whose `hash` is the SHA-256 of the others of its fields, of which `before` is the hash of the
line before. A line that is changed, taken out or put in breaks the chain. What is cut off at the end breaks nothing:
whoever keeps the newest hash elsewhere can tell that, too.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import platformdirs
from filelock import FileLock

from editor3d.errors import ConfigError, DataError, first_line
from editor3d.files.writing import jsonable

VARIABLE = "EDITOR3D_LOG"
"""Environment variable that names the file; `off` keeps no log."""
START = "0" * 64
"""What the first line names as the hash before it."""
Kind = Literal["instruction", "refusal", "result"]
_MOST_CHARACTERS = 4000
"""Of a text in an entry."""


@dataclass(frozen=True)
class Chain:
    """What a log holds."""

    entries: tuple[Mapping[str, Any], ...]
    """Those up to the first that does not fit, oldest first."""
    fault: str
    """Where and how the chain is broken; empty where it is whole."""

    @property
    def newest(self) -> str:
        """The hash of the last entry."""
        return str(self.entries[-1]["hash"]) if self.entries else START


def log_path(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Where the log is; None where none is kept."""
    named = environment.get(VARIABLE, "")
    if named.lower() == "off":
        return None
    return Path(named).expanduser() if named else platformdirs.user_data_path("editor3d") / "log.jsonl"


def note(kind: Kind, **said: Any) -> None:
    """Append an entry to this user's log, if one is kept.

    Args:
        kind: what it says.
        said: its fields, strict JSON values.

    Raises:
        ConfigError: the log cannot be written, or its last line is damaged.
    """
    path = log_path()
    if path is not None:
        append(path, kind, said)


def append(path: Path, kind: Kind, said: Mapping[str, Any]) -> str:
    """Append an entry to a log, and give its hash. Processes take turns.

    Raises:
        ConfigError: the file cannot be written, or its last line is damaged.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(path.with_name(f".{path.name}.lock")):
            before = _last_hash(path)
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            short = {key: v[:_MOST_CHARACTERS] if isinstance(v, str) else jsonable(v) for key, v in said.items()}
            entry = {**short, "time": now, "kind": kind, "before": before}
            entry["hash"] = hash_of(entry)
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "a", encoding="utf-8") as file:
                file.write(json.dumps(entry, ensure_ascii=False, sort_keys=True) + "\n")
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        raise ConfigError(
            f"Expected to append to the log {path}, which cannot be written ({first_line(error)}): make it "
            f"writable, or set {VARIABLE} to another file, or to off."
        ) from error
    return str(entry["hash"])


def hash_of(entry: Mapping[str, Any]) -> str:
    """SHA-256, hex, of an entry's fields besides `hash`, as JSON with sorted keys and no spaces."""
    body = {key: value for key, value in entry.items() if key != "hash"}
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def read_log(path: Path) -> Chain:
    """Read a log and check its chain.

    Raises:
        DataError: there is no log, or it cannot be read.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            return chain_of(lines)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"Expected a log in {path}, found none that can be read ({first_line(error)}).") from error


def chain_of(lines: Iterable[str]) -> Chain:
    """The entries of a log's lines, up to the first that does not fit."""
    entries: list[Mapping[str, Any]] = []
    before = START
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            known = str(entry["hash"]), str(entry["before"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return Chain(tuple(entries), f"line {number} is no entry")
        if known[0] != hash_of(entry):
            return Chain(tuple(entries), f"line {number} was changed")
        if known[1] != before:
            return Chain(tuple(entries), f"before line {number} something was taken out or put in")
        before = known[0]
        entries.append(entry)
    return Chain(tuple(entries), "")


def _last_hash(path: Path) -> str:
    """
    Raises:
        ConfigError: the last line is no entry: what follows it would vouch for it.
    """
    last = b""
    with suppress(FileNotFoundError), path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        reach = 4096
        while reach < 2 * size + 4096:
            file.seek(max(0, size - reach))
            last = file.read().rstrip(b"\n")
            if b"\n" in last or reach >= size:
                break
            reach *= 2
        last = last.rpartition(b"\n")[2]
    if not last:
        return START
    try:
        return str(json.loads(last)["hash"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"Expected the log {path} to end in an entry, found a damaged line: move the file away, and a new one is "
            f"begun."
        ) from error
