"""Ids of objects, however their picture was saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from editor3d.datasets.views.images import read_object_masks
from editor3d.errors import DataError
from editor3d.types import Intrinsics, View

OBJECTS = {"teapot": 1, "cup": 2, "spoon": 255}
IDS = np.array([[0, 1, 2, 255], [1, 1, 0, 7], [255, 2, 2, 0]], np.uint8)
COLOURS = np.random.default_rng(0).integers(0, 256, 768).tolist()
"""Of a palette, as data sets of segmentation have it."""


def palette(transparent: int | None = None) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        picture = Image.fromarray(IDS)
        picture.putpalette(COLOURS)
        picture.save(path, **({} if transparent is None else {"transparency": transparent}))

    return save


def pillow(pixels: np.ndarray, mode: str | None = None, **more) -> Callable[[Path], None]:
    picture = Image.fromarray(pixels)
    return lambda path: (picture if mode is None else picture.convert(mode)).save(path, **more)


def opencv(pixels: np.ndarray) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())


def masks_of(path: Path) -> dict[str, np.ndarray]:
    lens = Intrinsics(4, 3, 1.0, 1.0, 2.0, 1.5)
    view = View(name="a", image_path=path, split="train", c2w=np.eye(4)[:3], labels_path=path, **vars(lens))
    return {name: mask.numpy() for name, mask in read_object_masks(view, OBJECTS).items()}


CLEAR = np.where(IDS == 0, 0, 255).astype(np.uint8)
WIDE = IDS.astype(np.uint16)


@pytest.mark.parametrize(
    ("name", "save"),
    {
        "grey": ("a.png", pillow(IDS)),
        "palette": ("a.png", palette()),
        "palette, 0 transparent": ("a.png", palette(0)),
        "grey as three channels": ("a.png", pillow(IDS, "RGB")),
        "grey and alpha": ("a.png", pillow(IDS, "LA")),
        "colour and alpha": ("a.png", pillow(IDS, "RGBA")),
        "nothing is transparent": ("a.png", pillow(np.dstack([IDS, IDS, IDS, CLEAR]))),
        "nothing is white and transparent": (
            "a.png",
            pillow(np.dstack([np.where(IDS == 0, 255, IDS), IDS, IDS, CLEAR])),
        ),
        "16 bits": ("a.png", pillow(WIDE)),
        "16 bits, three channels": ("a.png", opencv(np.dstack([WIDE] * 3))),
        "16 bits, alpha": ("a.png", opencv(np.dstack([*[WIDE] * 3, CLEAR.astype(np.uint16) * 257]))),
        "32 bits": ("a.tif", pillow(IDS.astype(np.int32))),
        "16 bits of TIFF": ("a.tif", pillow(WIDE)),
        "WebP": ("a.webp", pillow(IDS, lossless=True, exact=True)),
    }.values(),
)
def test_ids_are_those_that_were_saved(tmp_path, name, save):
    save(tmp_path / name)
    masks = masks_of(tmp_path / name)
    for named, number in OBJECTS.items():
        np.testing.assert_array_equal(masks[named], number == IDS, err_msg=named)


@pytest.mark.parametrize(
    ("name", "save", "told"),
    [
        ("a.png", pillow(np.dstack([IDS, IDS, IDS.T.reshape(3, 4)])), "found colours"),
        ("a.png", pillow(np.dstack([IDS * 0, IDS, IDS * 0, CLEAR])), "found colours"),
        ("a.png", pillow(WIDE * 257), "found values of 0 to 65535"),
        ("a.png", opencv(np.dstack([WIDE * 257] * 3)), "found values of 0 to 65535"),
        ("a.tif", pillow(-IDS.astype(np.int32)), "found values of -255 to 0"),
        ("a.png", pillow(IDS > 0), "found one bit a pixel"),
        ("a.tif", pillow(IDS.astype(np.float32)), "found a picture of the kind F"),
        ("a.jpg", pillow(IDS), "found a JPEG, which changes the values"),
    ],
)
def test_what_holds_no_ids_is_refused_in_a_sentence(tmp_path, name, save, told):
    save(tmp_path / name)
    with pytest.raises(DataError, match=rf"Expected object ids of 0 to 255 in .*{name}, {told}.*: save them as"):
        masks_of(tmp_path / name)
