"""Writing files whole or not at all, and values as strict JSON."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from editor3d.errors import Editor3DError


@contextmanager
def replacing(path: Path | str, private: bool = False) -> Iterator[Path]:
    """Yield a name beside `path` to write to; on leaving, the finished file takes the place of `path` at once.

    Whatever goes wrong, an earlier file at `path` stays as it was. The folder is made where it is missing. The
    yielded name keeps the suffix of `path`.

    Args:
        path: the file.
        private: make it readable by this user alone.

    Raises:
        Editor3DError: the disk is full, or the folder cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if private:
            temporary.touch(mode=0o600)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        cause = error.strerror or str(error)
        raise Editor3DError(
            f"Could not write {path} ({cause}): free some space or choose another folder; "
            "what was there before is unchanged."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


_LEFTOVER = re.compile(r"\..*\.(?P<process>\d+)\.tmp(\.[^.]*)?")


def visible_below(folder: Path, pattern: str = "*.png") -> list[Path]:
    """The files below a folder whose names match, in order; what begins with a dot is nobody's result, and left out.

    Such a name is that of a file being written, of what a process that was killed left of it, or of a program of the
    user's that keeps notes of its own beside pictures.
    """

    def is_hidden(path: Path) -> bool:
        return any(part.startswith(".") for part in path.relative_to(folder).parts)

    return sorted(path for path in folder.rglob(pattern) if not is_hidden(path) and path.is_file())


def sweep(folder: Path) -> list[Path]:
    """Remove what `replacing` left unfinished below a folder when its process was killed; gives what was removed.

    Files of processes that still run stay. A number that another process has now does not keep a file: that one began
    after the file was written.
    """
    gone = []
    for path in folder.rglob(".*"):
        match = _LEFTOVER.fullmatch(path.name)
        if match is None or path.is_symlink() or not path.is_file():
            continue
        with suppress(OSError):
            if not _wrote(int(match["process"]), path.stat().st_mtime):
                path.unlink()
                gone.append(path)
    return gone


def _wrote(process: int, moment: float) -> bool:
    """Whether a process runs that had begun by a moment, seconds since the epoch."""
    import psutil

    try:
        return psutil.Process(process).create_time() <= moment
    except (psutil.Error, OverflowError, ValueError):
        return False


def write_json(path: Path | str, value: Any) -> None:
    """Write strict JSON, indented; `value` as `jsonable` makes it.

    Raises:
        Editor3DError: the disk is full, or the folder cannot be written.
    """
    text = json.dumps(jsonable(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def jsonable(value: Any) -> Any:
    """The same value made of what strict JSON knows.

    Mappings become dicts with string keys, sequences lists, paths strings. JSON has no infinity and no NaN: infinite
    numbers become the strings "inf" and "-inf" (identical pictures have an infinite PSNR), NaN becomes None.

    Raises:
        TypeError: a value of any other kind.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return value if math.isfinite(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    raise TypeError(f"JSON cannot hold a {type(value).__name__}")
