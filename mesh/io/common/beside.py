"""Find the files that a mesh names beside it, whatever system wrote the name."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

_DRIVE = re.compile(r"^[A-Za-z]:/")


def find_beside(name: str, folder: Path, *, percent_encoded: bool = False) -> Path | None:
    """The file that a mesh in `folder` means by `name`.

    Tried in this order: the name as it stands; with slashes for backslashes; an absolute path's last parts, the
    longest first; each in any case and Unicode form. A path of a network share is looked for here alone.

    Args:
        percent_encoded: the name is a URI (glTF); it may be percent-encoded, and often is not.

    Returns:
        None where there is no such file.
    """
    name = name.strip().strip('"')
    names = dict.fromkeys([unquote(name), name] if percent_encoded else [name])
    for wanted in names:
        if not wanted or "\0" in wanted:
            continue
        for parts in _readings(wanted):
            found = _resolved(folder, parts)
            if found is not None:
                return found
    return None


def _readings(name: str) -> Iterator[tuple[str, ...]]:
    """The paths that a name may stand for, as parts; an absolute one begins with its root."""
    yield tuple(part for part in Path(name).parts if not Path(name).is_absolute())
    forward = name.replace("\\", "/")
    is_share = forward.startswith("//")
    if forward.startswith("/") and not is_share:
        yield Path(forward).parts
    rooted = is_share or forward.startswith("/") or _DRIVE.match(forward)
    parts = tuple(part for part in _DRIVE.sub("", forward).split("/") if part not in ("", "."))
    if not rooted:
        yield parts
    plain = [part for part in parts if part != ".."]
    for start in range(len(plain)):
        yield tuple(plain[start:])


def _resolved(folder: Path, parts: tuple[str, ...]) -> Path | None:
    """folder/parts, each part in the case and Unicode form in which it is there."""
    if not parts:
        return None
    try:
        exact = folder.joinpath(*parts)
        if exact.exists() and not exact.is_dir():
            return exact
        place = folder
        for part in parts:
            if part == ".." or part == os.sep:
                place = place / part
                continue
            if not (place / part).exists():
                key = _key(part)
                same = sorted(entry for entry in os.listdir(place) if _key(entry) == key)
                if not same:
                    return None
                part = same[0]
            place = place / part
        return None if place.is_dir() else place
    except (OSError, ValueError):  # too long a name, no permission, characters that no name has
        return None


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
