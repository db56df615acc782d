"""Writing files whole or not at all, and values as strict JSON."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from editor3d.errors import Editor3DError


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a name beside `path` to write to; on leaving, the finished file takes the place of `path` at once.

    Whatever goes wrong, an earlier file at `path` stays as it was. The folder is made where it is missing. The
    yielded name keeps the suffix of `path`.

    Raises:
        Editor3DError: the disk is full, or the folder cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
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
