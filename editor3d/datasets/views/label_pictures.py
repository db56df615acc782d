"""The ids of objects in a label picture, however it was saved: as grey values, in a palette, with transparency."""

from __future__ import annotations

import numpy as np
from PIL import ImageFile

from editor3d.files.safe_open import opencv_pixels

MAX_ID = 255
_KINDS = {("L",), ("P",), ("I",), ("I;16",), ("L", "A"), ("P", "A"), ("R", "G", "B"), ("R", "G", "B", "A")}
"""Bands of pictures that can hold ids."""


class NoIds(Exception):
    """Says in a few words what a picture holds instead."""


def object_ids(picture: ImageFile.ImageFile) -> np.ndarray:
    """The id of each pixel; 0, which is nothing, where it is at least half transparent.

    A palette's indices are the ids, whatever colours they have. Grey may be saved as three equal channels.

    Args:
        picture: from `open_picture`, not decoded yet.

    Returns:
        [H, W] uint8.

    Raises:
        NoIds: colours, fractions, values above 255, one bit, or a JPEG, whose values are not those that were saved.
        those of `UNREADABLE`: it is damaged.
    """
    if picture.format in ("JPEG", "MPO"):
        raise NoIds("a JPEG, which changes the values that it saves")
    bands = picture.getbands()
    if bands not in _KINDS:
        raise NoIds("one bit a pixel" if bands == ("1",) else f"a picture of the kind {picture.mode}")
    if len(bands) > 1 and any(";16" in str(tile.args) for tile in picture.tile):  # Pillow drops the low byte
        import cv2

        pixels = opencv_pixels(picture, cv2.IMREAD_UNCHANGED)
        has_alpha = pixels.ndim == 3 and pixels.shape[2] == 4
    else:
        pixels, has_alpha = np.asarray(picture), "A" in bands
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    ids = pixels[..., 0]
    if has_alpha:
        visible = pixels[..., -1:] > np.iinfo(pixels.dtype).max // 2
        pixels = np.where(visible, pixels[..., :-1], 0)
        ids = pixels[..., 0]
    if (pixels != ids[..., None]).any():
        raise NoIds("colours")
    if ids.size and not 0 <= ids.min() <= ids.max() <= MAX_ID:
        raise NoIds(f"values of {ids.min()} to {ids.max()}")
    return ids.astype(np.uint8)
