"""Colors ("make it red") and exposure ("brighter")."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from editor3d.editors.procedural.basis.tone import Stops, luma, mix, ramp, saturate

RGB: dict[str, tuple[float, float, float]] = {
    "red": (0.86, 0.07, 0.07),
    "orange": (0.98, 0.50, 0.05),
    "yellow": (0.98, 0.86, 0.10),
    "green": (0.10, 0.60, 0.16),
    "blue": (0.09, 0.26, 0.82),
    "purple": (0.50, 0.16, 0.68),
    "pink": (0.98, 0.55, 0.70),
    "brown": (0.47, 0.28, 0.14),
    "black": (0.09, 0.09, 0.10),
    "white": (0.97, 0.97, 0.96),
    "gray": (0.50, 0.50, 0.50),
    "turquoise": (0.10, 0.74, 0.74),
    "magenta": (0.86, 0.10, 0.65),
    "beige": (0.90, 0.82, 0.66),
    "sky blue": (0.45, 0.74, 0.95),
    "navy": (0.06, 0.10, 0.38),
    "lime": (0.60, 0.88, 0.12),
    "olive": (0.44, 0.46, 0.12),
    "maroon": (0.45, 0.05, 0.12),
}
"""What a surface of medium brightness becomes, sRGB."""


Color = tuple[float, float, float]


def _each(rgb: Color, change: Callable[[float], float]) -> Color:
    return change(rgb[0]), change(rgb[1]), change(rgb[2])


def shaded(rgb: Color, shade: str) -> Color:
    """The light, dark or vivid variant of a color."""
    if shade == "light":
        return _each(rgb, lambda c: c + 0.5 * (1.0 - c))
    if shade == "dark":
        return _each(rgb, lambda c: 0.5 * c)
    if shade == "vivid":
        low, high = min(rgb), max(rgb)
        return _each(rgb, lambda c: c * (c - 0.6 * low) / (high * (high - 0.6 * low)))
    return rgb


def dyed(rgb: Color) -> Stops:
    """The ramp of a dyed surface: shadow, the color itself at medium light, a highlight that the color tints."""
    brightness = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]
    gloss = 0.5 + 0.4 * brightness

    def between(share: float) -> Color:
        return _each(rgb, lambda c: c + share * (1.0 - c))

    def scaled(share: float) -> Color:
        return _each(rgb, lambda c: c * share)

    return (
        (0.0, *scaled(0.05)),
        (0.25, *scaled(0.32)),
        (0.48, *scaled(0.74)),
        (0.66, *rgb),
        (0.84, *between(0.5 * gloss)),
        (1.0, *between(gloss)),
    )


def recolor(image: Tensor, name: str, shade: str = "") -> Tensor:
    """Dye everything in one color, keeping the shading.

    Args:
        image: [H, W, 3] in 0..1.
        name: a key of `RGB`.
        shade: `light`, `dark`, `vivid` or nothing.
    """
    return ramp(luma(image), dyed(shaded(RGB[name], shade)))


def brighter(image: Tensor, amount: float) -> Tensor:
    """1 - (1 - x)^(1 + 0.8 amount): lifts the middle, keeps black and white."""
    return 1.0 - (1.0 - image).pow(1.0 + 0.8 * amount)


def darker(image: Tensor, amount: float) -> Tensor:
    """x^(1 + 0.8 amount): lowers the middle, keeps black and white."""
    return image.pow(1.0 + 0.8 * amount)


def more_contrast(image: Tensor, amount: float) -> Tensor:
    """Toward the S-curve 3x^2 - 2x^3."""
    return mix(image, image * image * (3.0 - 2.0 * image), amount)


def less_contrast(image: Tensor, amount: float) -> Tensor:
    """Toward middle gray."""
    return 0.5 + (image - 0.5) * (1.0 - 0.4 * min(amount, 2.0))


def _temperature(image: Tensor, red: float, green: float, blue: float) -> Tensor:
    """Gamma per channel, which shifts the middle and keeps black and white."""
    return torch.stack([image[..., 0].pow(red), image[..., 1].pow(green), image[..., 2].pow(blue)], dim=-1)


def warmer(image: Tensor, amount: float) -> Tensor:
    return _temperature(image, 1.0 - 0.18 * amount, 1.0, 1.0 + 0.45 * amount)


def cooler(image: Tensor, amount: float) -> Tensor:
    return _temperature(image, 1.0 + 0.45 * amount, 1.0 + 0.08 * amount, 1.0 - 0.18 * amount)


def more_saturated(image: Tensor, amount: float) -> Tensor:
    return saturate(image, 1.0 + 0.7 * amount)


def less_saturated(image: Tensor, amount: float) -> Tensor:
    return saturate(image, max(0.0, 1.0 - 0.5 * amount))
