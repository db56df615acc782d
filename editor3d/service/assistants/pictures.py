"""Pictures as an assistant is shown them: small JPEGs."""

from __future__ import annotations

import io
from pathlib import Path

from editor3d.errors import DataError
from editor3d.files.safe_open import UNREADABLE, open_picture

MOST_SIDE = 1024
"""Pixels of a shown picture's longer side: what most models see of one."""
_MOST_PIXELS = 1 << 26
_QUALITY = 88


def small_jpeg(path: Path, side: int = MOST_SIDE) -> bytes:
    """A picture of at most `side` pixels a side, as JPEG.

    Raises:
        DataError: it cannot be read.
    """
    from PIL import Image

    out = io.BytesIO()
    try:
        with open_picture(path, ("PNG", "JPEG", "WEBP", "TIFF", "BMP"), _MOST_PIXELS) as picture:
            small = picture.convert("RGB")
    except UNREADABLE as error:
        raise DataError(f"Expected a picture at {path}, but it cannot be read ({error}).") from error
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    small.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
