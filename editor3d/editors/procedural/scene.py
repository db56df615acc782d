"""Times of day, seasons and weather: how light and surfaces of a whole scene change."""

from __future__ import annotations

import torch
from torch import Tensor

from editor3d.editors.procedural.basis.tone import (
    Stops,
    blur,
    curve,
    flatten,
    greenness,
    luma,
    mix,
    ramp,
    saturate,
    smoothstep,
)

NIGHT: Stops = (
    (0.00, 0.00, 0.00, 0.02),
    (0.30, 0.02, 0.04, 0.11),
    (0.55, 0.08, 0.13, 0.28),
    (0.75, 0.19, 0.27, 0.50),
    (0.90, 0.33, 0.44, 0.72),
    (1.00, 0.46, 0.58, 0.88),
)
SUNSET: Stops = (
    (0.00, 0.07, 0.02, 0.12),
    (0.25, 0.28, 0.08, 0.18),
    (0.50, 0.72, 0.29, 0.17),
    (0.70, 0.97, 0.53, 0.20),
    (0.86, 1.00, 0.78, 0.42),
    (1.00, 1.00, 0.95, 0.76),
)
DAWN: Stops = (
    (0.00, 0.12, 0.08, 0.22),
    (0.30, 0.38, 0.28, 0.46),
    (0.55, 0.76, 0.55, 0.62),
    (0.75, 0.97, 0.76, 0.69),
    (0.90, 1.00, 0.91, 0.79),
    (1.00, 1.00, 0.98, 0.92),
)
FROST: Stops = (
    (0.00, 0.02, 0.05, 0.10),
    (0.20, 0.15, 0.20, 0.28),
    (0.38, 0.40, 0.48, 0.58),
    (0.54, 0.70, 0.78, 0.87),
    (0.68, 0.91, 0.95, 0.99),
    (0.80, 0.98, 0.99, 1.00),
    (1.00, 1.00, 1.00, 1.00),
)
SNOW: Stops = (
    (0.00, 0.03, 0.05, 0.09),
    (0.18, 0.20, 0.24, 0.31),
    (0.34, 0.50, 0.56, 0.65),
    (0.48, 0.80, 0.85, 0.91),
    (0.62, 0.95, 0.97, 0.99),
    (1.00, 1.00, 1.00, 1.00),
)
STORM: Stops = (
    (0.00, 0.01, 0.02, 0.03),
    (0.35, 0.09, 0.12, 0.14),
    (0.60, 0.27, 0.32, 0.35),
    (0.80, 0.55, 0.61, 0.64),
    (1.00, 0.88, 0.92, 0.94),
)


def night(image: Tensor) -> Tensor:
    """Moonlight: dark blue, little color; what is white is moonlit, not lit by day."""
    moonlit = ramp(luma(image), NIGHT)
    return moonlit + 0.25 * (image - luma(image).unsqueeze(-1))


def sunset(image: Tensor) -> Tensor:
    """Low sun: purple shadows, orange light, golden highlights."""
    return mix(saturate(image, 1.2), ramp(luma(image), SUNSET), 0.8)


def dawn(image: Tensor) -> Tensor:
    """First light: violet shadows, rose and peach light."""
    return mix(image, ramp(luma(image), DAWN), 0.8)


def noon(image: Tensor) -> Tensor:
    """High sun: crisp contrast, clear colors, slightly warm light."""
    crisp = curve(image, (0.0, 0.0), (0.2, 0.14), (0.5, 0.58), (0.75, 0.88), (1.0, 1.0))
    return saturate(crisp, 1.2) * image.new_tensor([1.04, 1.01, 0.95])


def winter(image: Tensor) -> Tensor:
    """Frost: bright blue-white on what is light or green, cold muted color in what is dark."""
    y = luma(image)
    green = smoothstep(0.0, 0.18, greenness(image))
    relief = 0.4 * (y - blur(y, 8.0))
    frosted = ramp(y + relief + 0.14 * green * smoothstep(0.08, 0.35, y), FROST)
    frosted = frosted + 0.35 * (image - y.unsqueeze(-1))
    cold = saturate(image, 0.45) * image.new_tensor([0.86, 0.94, 1.06])
    weight = 0.35 + 0.60 * smoothstep(0.18, 0.50, y + 0.15 * green)
    return mix(cold, frosted, weight)


def snow(image: Tensor) -> Tensor:
    """Snow cover: all but the dark parts lie under white, the rest is cold and muted."""
    y = luma(image)
    green = smoothstep(0.0, 0.15, greenness(image))
    smooth = flatten(y, 4.0, 0.10)
    relief = 0.5 * (smooth - blur(smooth, 8.0))
    lying = ramp(0.5 * (y + smooth) + relief + 0.16 * green * smoothstep(0.05, 0.3, y), SNOW)
    lying = lying + 0.25 * (image - y.unsqueeze(-1))
    cold = saturate(image, 0.40) * image.new_tensor([0.90, 0.96, 1.04])
    return mix(cold, lying, 0.4 + 0.6 * smoothstep(0.12, 0.38, y + 0.12 * green))


def spring(image: Tensor) -> Tensor:
    """Fresh light greens, clear air, a touch of blossom in the highlights."""
    green = smoothstep(0.0, 0.2, greenness(image))
    fresh = mix(image, image * image.new_tensor([1.05, 1.28, 0.85]) + 0.03, green)
    lifted = curve(fresh, (0.0, 0.02), (0.3, 0.37), (0.6, 0.70), (1.0, 1.0))
    blossom = smoothstep(0.6, 1.0, luma(lifted)) * (1.0 - green)
    return saturate(mix(lifted, image.new_tensor([1.0, 0.90, 0.93]), 0.35 * blossom), 1.15)


def summer(image: Tensor) -> Tensor:
    """Strong warm sun, deep greens."""
    green = smoothstep(0.0, 0.2, greenness(image))
    lush = mix(image, image * image.new_tensor([0.92, 1.12, 0.72]), green)
    bright = curve(lush, (0.0, 0.0), (0.25, 0.25), (0.5, 0.58), (0.75, 0.86), (1.0, 1.0))
    return saturate(bright, 1.25) * image.new_tensor([1.06, 1.01, 0.86])


AUTUMN: Stops = (
    (0.00, 0.08, 0.03, 0.01),
    (0.25, 0.34, 0.13, 0.03),
    (0.50, 0.78, 0.38, 0.07),
    (0.70, 0.95, 0.62, 0.16),
    (0.86, 1.00, 0.83, 0.42),
    (1.00, 1.00, 0.97, 0.82),
)


def autumn(image: Tensor) -> Tensor:
    """Leaves turn orange, red and gold; low golden light on everything else."""
    y = luma(image)
    green = smoothstep(-0.01, 0.12, greenness(image))
    leaves = ramp(y * 1.12, AUTUMN)
    # Yellow-green leaves turn golden, blue-green ones red.
    red = smoothstep(-0.05, 0.15, image[..., 2] - image[..., 0] + 0.1)
    leaves = mix(leaves, leaves * image.new_tensor([1.0, 0.66, 0.7]), red)
    golden_light = mix(image, ramp(y, AUTUMN), 0.68)
    return mix(golden_light, leaves, green)


def fog(image: Tensor) -> Tensor:
    """Haze over everything: shadows lifted, contrast and color faded, fine detail softened."""
    soft = mix(saturate(image, 0.35), blur(image, 2.0), 0.4)
    return mix(soft, image.new_tensor([0.80, 0.83, 0.86]), 0.55)


def rain(image: Tensor) -> Tensor:
    """Wet: darker, cooler, with glossy highlights."""
    wet = curve(image, (0.0, 0.0), (0.3, 0.15), (0.6, 0.36), (0.8, 0.64), (0.92, 0.90), (1.0, 1.0))
    return saturate(wet, 0.65) * image.new_tensor([0.90, 0.98, 1.06])


def storm(image: Tensor) -> Tensor:
    """Dramatic: dark, green-gray, strong contrast."""
    y = luma(image)
    crisp = y + 0.6 * (y - flatten(y, 8.0, 0.10))
    return mix(ramp(crisp, STORM), saturate(image, 0.6) * ramp(y, STORM) * 1.6, 0.35)


def overcast(image: Tensor) -> Tensor:
    """A closed gray sky: soft contrast, cool muted color."""
    soft = curve(image, (0.0, 0.06), (0.3, 0.28), (0.6, 0.48), (0.85, 0.64), (1.0, 0.80))
    return saturate(soft, 0.55) * torch.tensor([0.96, 0.99, 1.04])
