"""Materials: the shading of what is there, in the colors that the material shows from shadow to highlight."""

from __future__ import annotations

import torch
from torch import Tensor

from editor3d.editors.procedural.basis.tone import Stops, blur, flatten, luma, ramp, slope, smoothstep

GOLD: Stops = (
    (0.00, 0.04, 0.02, 0.00),
    (0.25, 0.20, 0.09, 0.01),
    (0.42, 0.45, 0.25, 0.03),
    (0.56, 0.76, 0.50, 0.09),
    (0.70, 0.96, 0.74, 0.22),
    (0.84, 1.00, 0.90, 0.50),
    (1.00, 1.00, 0.99, 0.88),
)
SILVER: Stops = (
    (0.00, 0.02, 0.02, 0.03),
    (0.35, 0.07, 0.07, 0.09),
    (0.52, 0.20, 0.21, 0.24),
    (0.64, 0.40, 0.42, 0.45),
    (0.76, 0.76, 0.78, 0.81),
    (0.88, 0.96, 0.97, 0.98),
    (1.00, 1.00, 1.00, 1.00),
)
BRONZE: Stops = (
    (0.00, 0.02, 0.01, 0.01),
    (0.30, 0.12, 0.06, 0.03),
    (0.50, 0.31, 0.18, 0.08),
    (0.64, 0.56, 0.36, 0.17),
    (0.78, 0.83, 0.61, 0.34),
    (0.90, 0.98, 0.84, 0.58),
    (1.00, 1.00, 0.95, 0.80),
)
COPPER: Stops = (
    (0.00, 0.04, 0.01, 0.00),
    (0.28, 0.19, 0.06, 0.03),
    (0.46, 0.46, 0.17, 0.09),
    (0.62, 0.76, 0.36, 0.22),
    (0.76, 0.95, 0.60, 0.43),
    (0.88, 1.00, 0.82, 0.69),
    (1.00, 1.00, 0.97, 0.92),
)
BRASS: Stops = (
    (0.00, 0.04, 0.02, 0.00),
    (0.28, 0.17, 0.12, 0.02),
    (0.46, 0.40, 0.30, 0.08),
    (0.60, 0.66, 0.52, 0.18),
    (0.74, 0.88, 0.74, 0.36),
    (0.87, 0.99, 0.91, 0.62),
    (1.00, 1.00, 0.99, 0.86),
)
CHROME: Stops = (
    (0.00, 0.02, 0.02, 0.02),
    (0.20, 0.22, 0.22, 0.22),
    (0.36, 0.44, 0.45, 0.47),
    (0.50, 0.13, 0.15, 0.19),
    (0.62, 0.28, 0.34, 0.41),
    (0.76, 0.80, 0.87, 0.93),
    (0.88, 0.98, 0.99, 1.00),
    (1.00, 1.00, 1.00, 1.00),
)
STEEL: Stops = (
    (0.00, 0.02, 0.02, 0.03),
    (0.35, 0.09, 0.10, 0.12),
    (0.55, 0.23, 0.25, 0.28),
    (0.70, 0.44, 0.47, 0.51),
    (0.84, 0.74, 0.77, 0.80),
    (1.00, 0.97, 0.98, 1.00),
)
RUST: Stops = (
    (0.00, 0.06, 0.03, 0.02),
    (0.30, 0.20, 0.08, 0.05),
    (0.48, 0.40, 0.15, 0.06),
    (0.60, 0.62, 0.27, 0.09),
    (0.74, 0.76, 0.42, 0.19),
    (0.86, 0.80, 0.58, 0.40),
    (1.00, 0.88, 0.78, 0.67),
)
MARBLE: Stops = (
    (0.00, 0.16, 0.16, 0.18),
    (0.22, 0.36, 0.36, 0.38),
    (0.42, 0.66, 0.66, 0.66),
    (0.58, 0.87, 0.86, 0.85),
    (0.74, 0.97, 0.96, 0.95),
    (1.00, 1.00, 1.00, 0.99),
)
STONE: Stops = (
    (0.00, 0.05, 0.05, 0.05),
    (0.35, 0.18, 0.18, 0.17),
    (0.58, 0.36, 0.36, 0.34),
    (0.78, 0.58, 0.57, 0.54),
    (1.00, 0.84, 0.83, 0.80),
)
CLAY: Stops = (
    (0.00, 0.12, 0.04, 0.02),
    (0.30, 0.30, 0.12, 0.06),
    (0.50, 0.58, 0.27, 0.16),
    (0.66, 0.80, 0.45, 0.29),
    (0.82, 0.92, 0.64, 0.48),
    (1.00, 0.99, 0.86, 0.76),
)
PORCELAIN: Stops = (
    (0.00, 0.08, 0.10, 0.18),
    (0.20, 0.30, 0.33, 0.44),
    (0.40, 0.66, 0.69, 0.78),
    (0.55, 0.88, 0.90, 0.95),
    (0.70, 0.98, 0.98, 1.00),
    (1.00, 1.00, 1.00, 1.00),
)
WOOD: Stops = (
    (0.00, 0.08, 0.03, 0.01),
    (0.30, 0.24, 0.11, 0.04),
    (0.50, 0.46, 0.26, 0.11),
    (0.66, 0.67, 0.43, 0.22),
    (0.82, 0.84, 0.62, 0.38),
    (1.00, 0.95, 0.82, 0.64),
)
ICE: Stops = (
    (0.00, 0.03, 0.14, 0.28),
    (0.28, 0.13, 0.37, 0.58),
    (0.48, 0.40, 0.68, 0.86),
    (0.64, 0.68, 0.88, 0.97),
    (0.78, 0.90, 0.97, 1.00),
    (1.00, 1.00, 1.00, 1.00),
)
JADE: Stops = (
    (0.00, 0.01, 0.07, 0.04),
    (0.30, 0.03, 0.21, 0.13),
    (0.50, 0.10, 0.42, 0.27),
    (0.66, 0.30, 0.64, 0.45),
    (0.80, 0.58, 0.83, 0.66),
    (0.90, 0.84, 0.96, 0.86),
    (1.00, 0.97, 1.00, 0.97),
)
OBSIDIAN: Stops = (
    (0.00, 0.00, 0.00, 0.00),
    (0.45, 0.03, 0.03, 0.04),
    (0.62, 0.08, 0.08, 0.11),
    (0.74, 0.22, 0.23, 0.29),
    (0.86, 0.60, 0.62, 0.70),
    (1.00, 1.00, 1.00, 1.00),
)


def metal(image: Tensor, stops: Stops, polish: float = 0.75, relief: float = 0.6) -> Tensor:
    """Smooth shading with crisp edges and strong lights.

    Fine texture is polished away by `polish` (0 keeps it all), and forms are brought out by adding `relief` times what
    the shading differs from its surroundings.
    """
    y = luma(image)
    smooth = flatten(y, 5.0, 0.16)
    return ramp(y + polish * (smooth - y) + relief * (smooth - blur(smooth, 10.0)), stops)


def matte(image: Tensor, stops: Stops, grain: float) -> Tensor:
    """A rough surface: fine texture is softened (`grain` below 1) or brought out (above)."""
    y = luma(image)
    base = flatten(y, 4.0, 0.12)
    return ramp(base + grain * (y - base) + 0.3 * (base - blur(base, 10.0)), stops)


def veined(image: Tensor, stops: Stops, periods: float, depth: float, sharpness: float, polish: float) -> Tensor:
    """Veins or growth rings along lines of equal shading, which stay on the surface from view to view.

    With the softened shading b, v = exp(sharpness (cos(2 pi periods b) - 1)) is 1 on a line and falls off beside it. It
    darkens by `depth`, less where b is so flat that the line would become a patch.
    """
    y = luma(image)
    soft = blur(y, 4.0)
    lines = torch.exp(sharpness * (torch.cos(2.0 * torch.pi * periods * soft) - 1.0))
    lines = lines * smoothstep(0.0, 0.008 / sharpness, slope(soft))
    base = flatten(y, 4.0, 0.14)
    shading = y + polish * (base - y) + 0.5 * (base - blur(base, 10.0))
    return ramp(shading - depth * lines, stops)


def gold(image: Tensor) -> Tensor:
    return metal(image, GOLD)


def silver(image: Tensor) -> Tensor:
    return metal(image, SILVER)


def bronze(image: Tensor) -> Tensor:
    return metal(image, BRONZE)


def copper(image: Tensor) -> Tensor:
    return metal(image, COPPER)


def brass(image: Tensor) -> Tensor:
    return metal(image, BRASS)


def chrome(image: Tensor) -> Tensor:
    return metal(image, CHROME, polish=0.9, relief=0.3)


def steel(image: Tensor) -> Tensor:
    return metal(image, STEEL, polish=0.6)


def rust(image: Tensor) -> Tensor:
    return matte(image, RUST, grain=1.6)


def marble(image: Tensor) -> Tensor:
    return veined(image, MARBLE, periods=7.0, depth=0.12, sharpness=3.0, polish=0.85)


def stone(image: Tensor) -> Tensor:
    return matte(image, STONE, grain=1.4)


def clay(image: Tensor) -> Tensor:
    return matte(image, CLAY, grain=0.5)


def porcelain(image: Tensor) -> Tensor:
    return metal(image, PORCELAIN)


def wood(image: Tensor) -> Tensor:
    return veined(image, WOOD, periods=14.0, depth=0.12, sharpness=1.0, polish=0.6)


def ice(image: Tensor) -> Tensor:
    return metal(image, ICE, polish=0.5)


def jade(image: Tensor) -> Tensor:
    return metal(image, JADE, polish=0.6)


def obsidian(image: Tensor) -> Tensor:
    return metal(image, OBSIDIAN)
