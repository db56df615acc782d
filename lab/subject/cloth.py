"""What the subject wears: two shirts of one cut, painted as textures, front and back side by side."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from lab.subject.figure import CLOTH_BOX, COLLAR, HEM

SIDE = 512
"""Pixels of one half of a texture."""


def _pixel(x: float, z: float) -> tuple[float, float]:
    (x0, x1), (z0, z1) = CLOTH_BOX
    return (x - x0) / (x1 - x0) * SIDE, (z1 - z) / (z1 - z0) * SIDE


def _woven(picture: Image.Image, seed: int) -> Image.Image:
    """The same with the slight unevenness of cloth."""
    random = np.random.default_rng(seed)
    noise = Image.fromarray(random.normal(0, 1, (SIDE // 4, SIDE // 4)).astype(np.float32)).resize(
        (SIDE, SIDE), Image.Resampling.BICUBIC
    )
    pixels = np.asarray(picture, np.float32) * (1 + 0.02 * np.asarray(noise)[..., None])
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def plain() -> Image.Image:
    """A red shirt, [512, 1024] pixels."""
    half = _woven(Image.new("RGB", (SIDE, SIDE), "#a8433c"), 1)
    return _beside(half, half)


def banded() -> Image.Image:
    """A teal shirt with a cream band round the chest, a sun on it in front, and dark edges at collar and hem."""
    halves = []
    for front in (True, False):
        picture = Image.new("RGB", (SIDE, SIDE), "#2f7f86")
        draw = ImageDraw.Draw(picture)
        draw.rectangle((0, _pixel(0, 1.295)[1], SIDE, _pixel(0, 1.165)[1]), fill="#e8dcc0")
        draw.rectangle((0, _pixel(0, COLLAR)[1] - 20, SIDE, _pixel(0, 1.455)[1]), fill="#1d3f4c")
        draw.rectangle((0, _pixel(0, HEM + 0.035)[1], SIDE, _pixel(0, HEM)[1] + 40), fill="#1d3f4c")
        if front:
            x, y = _pixel(0.0, 1.23)
            draw.ellipse((x - 27, y - 27, x + 27, y + 27), fill="#d9822b")
        halves.append(_woven(picture.filter(ImageFilter.GaussianBlur(1)), 2))
    return _beside(*halves)


def _beside(front: Image.Image, back: Image.Image) -> Image.Image:
    whole = Image.new("RGB", (2 * SIDE, SIDE))
    whole.paste(front, (0, 0))
    whole.paste(back.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (SIDE, 0))
    return whole


GARMENTS = {"plain": plain, "banded": banded}
