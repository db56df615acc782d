"""Whatever is in a picture's file, reading it gives pixels or one sentence."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from editor3d.datasets.views.headers import inspect_picture
from editor3d.datasets.views.images import read_depth, read_image, read_mask, read_object_masks
from editor3d.errors import Editor3DError

from .test_read_images import make_view

WIDTH, HEIGHT = 20, 24
CASES = 60
"""Of each kind."""
NUMBERS = (bytes(4), b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x00\x00\x40\x00", b"\x00\x40\x00\x00")


def _written(picture: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _originals() -> dict[str, list[bytes]]:
    rng = np.random.default_rng(0)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    rgba = Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8))
    rgb, deep = rgba.convert("RGB"), Image.fromarray(rng.integers(0, 65536, (HEIGHT, WIDTH), dtype=np.uint16))
    palette = rgb.convert("P")
    return {
        "PNG": [_written(p, "PNG", exif=exif) for p in (rgb, rgba, palette, rgb.convert("1"), deep)],
        "JPEG": [_written(rgb, "JPEG", exif=exif), _written(rgb, "JPEG", progressive=True)],
        "TIFF": [_written(rgb, "TIFF", compression=c) for c in (None, "tiff_lzw", "tiff_deflate", "jpeg")]
        + [_written(p, "TIFF") for p in (deep, palette, rgba)],
        "WEBP": [_written(rgb, "WEBP"), _written(rgba, "WEBP", lossless=True, exif=exif)],
        "BMP": [_written(p, "BMP") for p in (rgb, palette, rgba)],
        "GIF": [_written(palette, "GIF", save_all=True, append_images=[rgb])],
        "TGA": [_written(rgb, "TGA"), _written(rgb, "TGA", compression="tga_rle")],
    }


def _mutated(content: bytes, rng: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        if not data:
            break
        at = rng.randrange(min(len(data), 160)) if rng.random() < 0.7 else rng.randrange(len(data))
        change = rng.randrange(6)
        if change == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif change == 1:
            data[at] = rng.randrange(256)
        elif change == 2:
            del data[at:]
        elif change == 3:
            data[at : at + 4] = rng.choice(NUMBERS)
        elif change == 4:
            data[at:at] = data[at : at + rng.randrange(1, 40)]
        else:
            del data[at : at + rng.randrange(1, 30)]
    return bytes(data)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", _originals())
def test_a_mutated_picture_is_read_or_refused_in_a_sentence(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.png"
    view = make_view(WIDTH, HEIGHT, image_path=path, mask_path=path, labels_path=path, depth_path=path)
    mask = make_view(WIDTH, HEIGHT, mask_path=path)
    readers: list[Callable[[], object]] = [
        lambda: inspect_picture(path),
        lambda: read_image(view),
        lambda: read_mask(view),
        lambda: read_mask(mask),
        lambda: read_object_masks(view, {"a": 1}),
        lambda: read_depth(view, 1.0),
    ]
    rng, originals, refusals = random.Random(kind), _originals()[kind], []
    for _ in range(CASES):
        path.write_bytes(_mutated(rng.choice(originals), rng))
        for read in readers:
            try:
                read()
            except Editor3DError as error:
                refusals.append(str(error))
    assert refusals
    assert all(str(path) in said and "\n" not in said for said in refusals)
