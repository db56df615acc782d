"""Pictures: photographs of every kind, garments, and targets of refinements."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from lab.fuzzing.formats.captures import SIDE, photograph, png
from lab.fuzzing.formats.contract import Format
from lab.fuzzing.formats.mutate import Files


def _kinds() -> tuple[Files, ...]:
    rgb, rgba = photograph(), photograph(channels=4)
    palette, jpeg = io.BytesIO(), io.BytesIO()
    Image.fromarray(rgb).quantize(16).save(palette, format="PNG")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(photograph()[:12]).save(jpeg, format="JPEG", exif=exif)
    deep = np.arange(SIDE * SIDE, dtype=np.uint16).reshape(SIDE, SIDE) * 200
    return (
        *({"a.png": content} for content in (png(rgb), png(rgba), png(rgb[..., 0]), png(deep), palette.getvalue())),
        *({"a.jpg": content} for content in (png(rgb, "JPEG"), jpeg.getvalue())),
        *({"a.dat": png(rgb, kind)} for kind in ("TIFF", "WEBP", "BMP", "PPM", "GIF", "TGA")),
        {"a.dat": png(deep, "TIFF")},
    )


def _only(folder: Path) -> Path:
    return next(iter(sorted(folder.glob("*"))), folder / "none.png")


def pictures() -> Format:
    from editor3d.datasets.views.headers import inspect_picture
    from editor3d.datasets.views.images import read_image

    def read(folder: Path) -> object:
        path = _only(folder)
        inspect_picture(path)
        return read_image(path)

    return Format(_kinds(), read)


def garment() -> Format:
    from editor3d.editors.try_on.garment import read_garment

    shirt = np.full((48, 48, 4), 255, np.uint8)
    shirt[..., 3] = 0
    shirt[10:40, 12:36] = (200, 30, 40, 255)
    opaque = np.where(shirt[..., 3:] > 0, shirt[..., :3], 255).astype(np.uint8)
    return Format(({"a.png": png(shirt)}, {"a.jpg": png(opaque, "JPEG")}), lambda folder: read_garment(_only(folder)))


def target() -> Format:
    from editor3d.programs.request import read_picture

    kinds = tuple(files for files in _kinds() if "a.dat" not in files)
    return Format(kinds, lambda folder: read_picture(_only(folder)))
