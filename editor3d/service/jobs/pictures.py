"""Pictures of a job's results: pairs before and after, the sheet that a preview of a mesh is shown by, and all of them
small."""

from __future__ import annotations

import io
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
_MOST_PIXELS = 1 << 26
"""Of a picture that is scaled down: about 0.25 GiB while it is decoded."""
_BEFORE, _AFTER = ("before", "conditions"), ("after", "edited")


def files_below(folder: Path) -> Iterator[Path]:
    """All files below a folder, while jobs write and old runs are taken away: what goes meanwhile is passed over."""
    for place, _, names in os.walk(folder):  # unlike Path.rglob, it raises nothing when a folder has gone
        # what begins with a dot is being written, or marks a folder
        yield from (Path(place, name) for name in names if not name.startswith("."))


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
