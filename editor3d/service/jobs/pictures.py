"""The picture that shows how a job stands, the pair that a preview of a mesh is shown by, and both of them small."""

from __future__ import annotations

import io
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from editor3d.errors import Editor3DError
from editor3d.service.jobs.commands import Places

if TYPE_CHECKING:
    import numpy as np

PREVIEW = "preview.png"
MAX_SIDE = 1024
"""Pixels of a small picture's longer side."""
_PICTURES = ("before_after.png", "edit_state/*.png", "candidates/*.png")
"""Within a run: the finished sheet, 2D edits as they come, renders of candidates."""
_MOST_PIXELS = 1 << 26
"""Of a picture that is scaled down: about 0.25 GiB while it is decoded."""
_CLOCKS = 1.0
"""Seconds by which a disk's clock may be behind."""
_BEFORE, _AFTER = ("before", "conditions"), ("after", "edited")


def job_picture(places: Places, since: float | None, until: float | None = None) -> tuple[Path, int] | None:
    """The newest picture of a job and a number that grows with each new one.

    Args:
        since, until: when the job began and ended (seconds since 1970; None: not yet): runs are kept beside those of
            other jobs.
    """
    if since is None:
        return None
    found = list(places.result.glob("[!.]*.png"))
    for folder in (places.work, places.runs):
        found += [path for path in files_below(folder) if any(path.match(name) for name in _PICTURES)]
    low, high = (since - _CLOCKS) * 1e9, math.inf if until is None else (until + _CLOCKS) * 1e9
    own = [(changed, path) for path in found if low <= (changed := _changed(path)) <= high]
    changed, newest = max(own, default=(0, None))
    return (newest, changed) if newest is not None else None


def files_below(folder: Path) -> Iterator[Path]:
    """All files below a folder, while jobs write and old runs are taken away: what goes meanwhile is passed over."""
    for place, _, names in os.walk(folder):  # unlike Path.rglob, it raises nothing when a folder has gone
        # what begins with a dot is being written, or marks a folder
        yield from (Path(place, name) for name in names if not name.startswith("."))


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:  # written anew just now
        return 0


def small_picture(path: Path, side: int) -> bytes:
    """A picture as binary PPM (P6, RGB), which needs no decoder: whoever shows it has but to copy its pixels.

    Args:
        path: a PNG file.
        side: it gets at most this many pixels high and wide, its shape kept; a smaller one stays as it is.

    Raises:
        Editor3DError: the file is no PNG, or is being written just now.
    """
    from PIL import Image

    from editor3d.files.safe_open import UNREADABLE, open_picture

    out = io.BytesIO()
    try:
        with open_picture(path, ("PNG",), _MOST_PIXELS) as picture:
            small = picture.convert("RGB")
        small.thumbnail((side, side), Image.Resampling.LANCZOS)
        small.save(out, "PPM")
    except UNREADABLE as error:
        raise Editor3DError(f"Expected a PNG picture, but {path.name} cannot be read as one ({error}).") from error
    return out.getvalue()


def copy_pairs(places: Places, run: Path, preview: bool) -> None:
    """Copy a run's pictures before and after, view by view, to `before/` and `after/` among the results.

    Args:
        run: the run's folder.
        preview: take the pictures that were edited, and what the editor made of them.
    """
    before, after = (run / names[preview] for names in (_BEFORE, _AFTER))
    for picture in sorted(after.glob("[!.]*.png")) if after.is_dir() else ():
        if (before / picture.name).is_file():
            for name, folder in (("before", before), ("after", after)):
                (places.result / name).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / picture.name, places.result / name / picture.name)


def save_preview_sheet(places: Places, title: str) -> None:
    """Put the copied pairs side by side: `preview.png` among the results."""
    from editor3d.outputs.pictures import Row, save_side_by_side

    names = sorted(path.name for path in (places.result / "after").glob("[!.]*.png"))
    if names:
        rows = [
            Row(caption, [_pixels(places.result / folder / name) for name in names])
            for folder, caption in (("before", "the mesh"), ("after", "2D edit"))
        ]
        columns = [name.removesuffix(".png") for name in names]
        save_side_by_side(places.result / PREVIEW, rows, title=title, columns=columns)


def _pixels(path: Path) -> np.ndarray:
    import numpy as np

    from editor3d.files.safe_open import open_picture

    with open_picture(path, ("PNG",)) as picture:
        return np.asarray(picture.convert("RGB"))
