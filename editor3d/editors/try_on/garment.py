"""The picture of a garment: read, cut out of its background, and known by its content."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from editor3d.errors import DataError, first_line
from editor3d.files.safe_open import UNREADABLE, open_picture, require_regular
from editor3d.types import Garment

MOST_PIXELS = 768
"""Longer side that a garment's picture is scaled down to."""
_LEAST_SHARE = 0.02
"""A garment takes up at least this share of its picture."""
_BACKGROUND_DISTANCE = 14.0
"""Colours farther than this from the border's, CIELAB, are not background."""


def digest_of(path: Path) -> str:
    """16 hex digits of a file's content.

    Raises:
        DataError: it cannot be read.
    """
    try:
        require_regular(Path(path))
        return hashlib.blake2b(Path(path).read_bytes(), digest_size=8).hexdigest()
    except (OSError, DataError) as error:
        raise DataError(
            f"Expected the picture of a garment at {path}, found none that can be read: check --garment."
        ) from error


def read_garment(path: Path) -> Garment:
    """Read a garment that lies or hangs alone, seen from the front.

    Where it lies is what is not transparent; in a picture without transparency, what is unlike the picture's border.

    Raises:
        DataError: no picture, or no garment that stands out from its background.
    """
    digest = digest_of(path)
    try:
        with open_picture(path) as opened:
            opened.thumbnail((MOST_PIXELS, MOST_PIXELS), Image.Resampling.LANCZOS)
            transparent = opened.has_transparency_data
            pixels = np.asarray(opened.convert("RGBA"))
    except UNREADABLE as error:
        raise DataError(
            f"Expected the picture of a garment at {path}, found none ({first_line(error)}): check --garment."
        ) from error
    color = np.ascontiguousarray(pixels[..., :3])
    mask = pixels[..., 3] > 127 if transparent and (pixels[..., 3] < 128).any() else _unlike_border(color)
    mask = _largest(mask)
    if mask.mean() < _LEAST_SHARE or mask.all():
        raise DataError(
            f"Expected a garment that stands out from its background in {path}, found "
            f"{'none' if not mask.all() else 'no background'}: photograph it alone before a plain background, or cut "
            f"it out (a PNG with transparency)."
        )
    return Garment(torch.from_numpy(color).float() / 255.0, torch.from_numpy(mask), digest)


def _unlike_border(color: np.ndarray) -> np.ndarray:
    """[H, W] bool: what a flood of the border's colour from the border does not reach."""
    lab = cv2.cvtColor(color.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    border = np.concatenate([lab[0], lab[-1], lab[:, 0], lab[:, -1]])
    alike = np.linalg.norm(lab - np.median(border, axis=0), axis=-1) < _BACKGROUND_DISTANCE
    count, labels = cv2.connectedComponents(alike.astype(np.uint8), connectivity=4)
    outside = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    return ~(alike & np.isin(labels, outside)) if count > 1 else np.ones(alike.shape, bool)


def _largest(mask: np.ndarray) -> np.ndarray:
    """The largest connected part of a mask, smoothed by a pixel."""
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    if count < 2:
        return np.zeros_like(mask)
    return labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
