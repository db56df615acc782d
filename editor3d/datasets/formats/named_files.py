"""Find the files that a capture names, whatever system wrote the name.

Captures travel between systems. A name may have Windows' separators, be escaped as in a URL, be absolute on another
machine, lack its suffix (NeRF-synthetic), or differ from the file in case or in how accents are composed.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from editor3d.errors import DataError, shown
from editor3d.files.safe_open import require_inside

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
"""Tried in this order where a name has lost its suffix, as in NeRF-synthetic."""

_ELSEWHERE = re.compile(r"([A-Za-z]:)?/")
"""How absolute paths begin, once their separators are slashes."""


class NamedFiles:
    """Finds files by the names that a capture gives them.

    Args:
        root: the folder that the names count from.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._listing = lru_cache(maxsize=256)(_by_plain_name)
        self._inside = lru_cache(maxsize=1024)(require_inside)

    def find(self, name: str) -> Path:
        """The file of a name; the path that it names literally where there is none.

        Raises:
            DataError: a link on the way leads out of the capture.
        """
        literal = self.root / name
        found = literal if _is_file(literal) else self._respelt(name)
        if found is None:
            return literal
        self._inside(found.parent, self.root)
        return require_inside(found, self.root) if found.is_symlink() else found

    def _respelt(self, name: str) -> Path | None:
        for spelling in dict.fromkeys(_spellings(name)):
            folder, _, last = spelling.rpartition("/")
            there = self._listing(self.root, f"{folder}/" if folder or spelling.startswith("/") else "")
            for suffix in ("", *SUFFIXES) if there else ():
                same = there.get(_plain(last + suffix))
                if same is not None and _is_file(same):
                    return same
        return None


def _spellings(name: str) -> Iterator[str]:
    """Ways to write a name, the likeliest first. Of an absolute one also its ends: it was made on another machine."""
    yield from (name, name.strip(), unquote(name), name.replace("\\", "/"))
    slashed = unquote(name.strip()).replace("\\", "/")
    yield slashed
    start = _ELSEWHERE.match(slashed)
    if start is not None:
        parts = [part for part in slashed[start.end() :].split("/") if part]
        if ".." not in parts:
            yield from ("/".join(parts[at:]) for at in range(1, len(parts)))


def _is_file(path: Path) -> bool:
    """Whether there is something other than a folder; no error for what can be no path at all."""
    try:
        return path.exists() and not path.is_dir()
    except OSError:  # too long, or in a folder that may not be read
        return False


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _by_plain_name(root: Path, below: str) -> dict[str, Path]:
    """The entries of a folder below `root` by their names without regard to case; empty where there is no such."""
    folder = root / below
    try:
        names = sorted(os.listdir(folder), reverse=True)
    except (OSError, ValueError):
        return {}
    return {_plain(name): folder / name for name in names}


def named_path(files: NamedFiles, value: object, key: str, where: str) -> Path | None:
    """The file that the value of a capture's key names; None where there is no such key.

    Raises:
        DataError: it is no text, or a link leads out of the capture.
    """
    if value is None:
        return None
    if not isinstance(value, str) or not value or "\0" in value:
        raise DataError(f"{key} of {where} must be a path, not {shown(value)}.")
    return files.find(value)
