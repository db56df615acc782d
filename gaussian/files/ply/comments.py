"""Read the comments of a .ply about its Gaussians: how they are rendered, and where they lie."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gaussian.files.contents import SplatFile

_MODE = re.compile(
    r"\s*SplatRenderMode\s*:\s*(?P<brush>\S+)\s*$|\s*antialiased\s+(?P<postshot>[01])\s*$", re.IGNORECASE
)
_KNOWN = ("mip", "default", "2dgs")
_NUMBER = r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)"
_OFFSET = re.compile(rf"\s*offset\s*[:=]?\s*{_NUMBER}[\s,]+{_NUMBER}[\s,]+{_NUMBER}(?:\s.*)?$", re.IGNORECASE)


@dataclass(frozen=True)
class Comments:
    """What comments say."""

    antialiased: bool
    offset: tuple[float, float, float]
    """To be added to x, y and z."""
    others: tuple[str, ...]
    """The comments that say neither."""
    notes: tuple[str, ...]


def read_comments(comments: Sequence[str]) -> Comments:
    """Understand Brush's `SplatRenderMode: mip`, Postshot's `antialiased 1`, and `offset X Y Z`; the last one holds."""
    antialiased, offset, others, notes = False, (0.0, 0.0, 0.0), [], []
    for comment in comments:
        if mode := _MODE.match(comment):
            antialiased = mode["postshot"] == "1" or (mode["brush"] or "").lower() == "mip"
            if mode["brush"] and mode["brush"].lower() not in _KNOWN:
                notes.append(f"Its SplatRenderMode {mode['brush'][:40]!r} is not known: drawn as usual.")
            if mode["brush"] and mode["brush"].lower() not in ("mip", "default"):
                others.append(comment)
        elif place := _OFFSET.match(comment):
            x, y, z = (float(number) for number in place.groups())
            if all(math.isfinite(number) for number in (x, y, z)):
                offset = (x, y, z)
        else:
            others.append(comment)
    return Comments(antialiased, offset, tuple(others), tuple(notes))


def comments_of(contents: SplatFile) -> list[str]:
    """The comments to write: those that `read_comments` understands, before the others."""
    own = ["SplatRenderMode: mip"] if contents.antialiased else []
    if any(contents.offset) and not contents.absolute:
        own.append(f"offset {' '.join(repr(number) for number in contents.offset)} (add to x y z)")
    return [*own, *map(_one_line, contents.comments)]


def _one_line(comment: str) -> str:
    """A comment as a header can hold it, in one line of latin-1: those that a run's configuration names may be any."""
    return re.sub(r"[\r\n]+", " ", comment).encode("latin-1", "replace").decode("latin-1")
