"""Film and painting styles."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from editor3d.editors.procedural.basis.tone import (
    Stops,
    blur,
    curve,
    flatten,
    luma,
    mix,
    pixels,
    ramp,
    saturate,
    smoothstep,
)

SEPIA: Stops = (
    (0.00, 0.06, 0.03, 0.01),
    (0.30, 0.20, 0.12, 0.05),
    (0.50, 0.40, 0.27, 0.14),
    (0.68, 0.66, 0.50, 0.31),
    (0.85, 0.90, 0.77, 0.57),
    (1.00, 1.00, 0.94, 0.80),
)
MONOCHROME: Stops = (
    (0.00, 0.00, 0.00, 0.00),
    (0.25, 0.03, 0.03, 0.03),
    (0.45, 0.13, 0.13, 0.13),
    (0.62, 0.37, 0.37, 0.37),
    (0.78, 0.76, 0.76, 0.76),
    (0.90, 0.96, 0.96, 0.96),
    (1.00, 1.00, 1.00, 1.00),
)
NOIR: Stops = (
    (0.00, 0.00, 0.00, 0.00),
    (0.42, 0.03, 0.03, 0.03),
    (0.58, 0.15, 0.15, 0.16),
    (0.72, 0.50, 0.50, 0.51),
    (0.84, 0.88, 0.88, 0.88),
    (1.00, 1.00, 1.00, 1.00),
)
NEON: Stops = (
    (0.00, 0.02, 0.00, 0.07),
    (0.30, 0.12, 0.02, 0.30),
    (0.50, 0.48, 0.06, 0.58),
    (0.66, 0.93, 0.22, 0.70),
    (0.80, 0.50, 0.72, 0.98),
    (0.92, 0.40, 0.96, 1.00),
    (1.00, 0.92, 1.00, 1.00),
)
STARRY: Stops = (
    (0.00, 0.01, 0.02, 0.12),
    (0.25, 0.04, 0.10, 0.36),
    (0.45, 0.08, 0.25, 0.60),
    (0.60, 0.18, 0.42, 0.70),
    (0.70, 0.52, 0.62, 0.50),
    (0.80, 0.92, 0.80, 0.30),
    (0.90, 1.00, 0.90, 0.45),
    (1.00, 1.00, 0.98, 0.80),
)


def sepia(image: Tensor) -> Tensor:
    return ramp(luma(image), SEPIA)


def black_and_white(image: Tensor) -> Tensor:
    return ramp(luma(image), MONOCHROME)


def film_noir(image: Tensor) -> Tensor:
    """Low-key: hard light, deep blacks."""
    y = luma(image)
    return ramp(y + 0.4 * (y - blur(y, 6.0)), NOIR)


def vintage(image: Tensor) -> Tensor:
    """A faded print: lifted blacks, yellowed whites, shadows toward green-blue."""
    red = curve(image[..., 0], (0.0, 0.10), (0.3, 0.36), (0.7, 0.82), (1.0, 0.98))
    green = curve(image[..., 1], (0.0, 0.10), (0.5, 0.50), (1.0, 0.90))
    blue = curve(image[..., 2], (0.0, 0.16), (0.5, 0.40), (1.0, 0.68))
    return saturate(torch.stack([red, green, blue], dim=-1), 0.75)


def cyberpunk(image: Tensor) -> Tensor:
    """Neon night: indigo shadows, magenta and cyan light."""
    y = luma(image)
    lit = y + 0.5 * (y - blur(y, 4.0))
    warmth = smoothstep(-0.15, 0.25, image[..., 0] - image[..., 2])
    neon = ramp(lit, NEON)
    return mix(neon, neon * image.new_tensor([0.80, 1.0, 1.1]), 1.0 - warmth)


def negative(image: Tensor) -> Tensor:
    return 1.0 - image


def paint_over(image: Tensor, radius: float, sharpness: float = 8.0) -> Tensor:
    """Flat dabs of paint with sharp borders: the generalised Kuwahara filter (Papari et al. 2007).

    Each pixel becomes the mean of the means m_k of eight Gaussian windows around it, whose centers lie on a circle of
    `radius` reference pixels, weighted by (0.01^2 + s_k^2)^(-sharpness / 2) with the variance s_k^2 of the colors in
    window k.
    """
    reach = max(1, round(pixels(image, radius)))
    x = cv2.copyMakeBorder(image.numpy(), reach, reach, reach, reach, cv2.BORDER_REFLECT_101)
    sigma = 0.5 * reach
    means = cv2.GaussianBlur(x, (0, 0), sigma)
    squares = cv2.GaussianBlur(cv2.transform(x * x, np.ones((1, 3), np.float32)), (0, 0), sigma)
    variance = np.maximum(squares - cv2.transform(means * means, np.ones((1, 3), np.float32)), 0.0)
    weights = cv2.pow(1e-4 + variance, -0.5 * sharpness)
    stacked = np.dstack([means * weights[..., None], weights])
    height, width = image.shape[:2]
    total = np.zeros((height, width, 4), np.float32)
    for k in range(8):
        dx = reach + round(reach * np.cos(k * np.pi / 4))
        dy = reach + round(reach * np.sin(k * np.pi / 4))
        total += stacked[dy : dy + height, dx : dx + width]
    return torch.from_numpy(total[..., :3] / total[..., 3:])


def edges(plane: Tensor, sigma: float) -> Tensor:
    """How much darker a pixel of [H, W] is than its surroundings, relative to them: 0 (not) to 1."""
    near, far = blur(plane, sigma), blur(plane, 2.5 * sigma)
    return ((far - near) / (far + 0.15)).clamp(0.0, 1.0)


def oil_painting(image: Tensor) -> Tensor:
    """Dabs of saturated paint."""
    paint = paint_over(image, 5.0)
    return saturate(curve(paint, (0.0, 0.0), (0.25, 0.19), (0.5, 0.50), (0.75, 0.82), (1.0, 1.0)), 1.45)


def watercolor(image: Tensor) -> Tensor:
    """Thin washes on white paper, pigment gathered along the borders."""
    wash = paint_over(image, 5.0, sharpness=4.0)
    y = luma(wash)
    light = curve(wash, (0.0, 0.18), (0.3, 0.52), (0.6, 0.84), (0.8, 0.96), (1.0, 1.0))
    pigment = smoothstep(0.02, 0.25, edges(y, 1.5))
    return saturate(light, 1.35) * (1.0 - 0.45 * pigment).unsqueeze(-1)


def stroke_direction(plane: Tensor, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (x, y) along which a plane [H, W] varies least: across the gradient, from the structure tensor."""
    y = plane.numpy()
    gx = cv2.Scharr(y, cv2.CV_32F, 1, 0)
    gy = cv2.Scharr(y, cv2.CV_32F, 0, 1)
    tensor = np.stack([gx * gx - gy * gy, 2.0 * gx * gy], axis=-1)
    tensor = cv2.GaussianBlur(tensor, (0, 0), pixels(plane, sigma), borderType=cv2.BORDER_REFLECT_101)
    # Half the angle of the doubled-angle gradient is the gradient's axis; a quarter turn on is the stroke's.
    angle = 0.5 * cv2.phase(tensor[..., 0], tensor[..., 1]) + 0.5 * np.float32(np.pi)
    return np.cos(angle), np.sin(angle)


def brush_along(plane: Tensor, direction: tuple[np.ndarray, np.ndarray], length: float, taps: int = 3) -> Tensor:
    """Mean of a plane [H, W] along the strokes, `length` reference pixels to each side."""
    values = plane.numpy()
    height, width = values.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    total = values.copy()
    step = np.float32(pixels(plane, length) / taps)
    for offset in [k for k in range(-taps, taps + 1) if k != 0]:
        at_x, at_y = x + offset * step * direction[0], y + offset * step * direction[1]
        total += cv2.remap(values, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return torch.from_numpy(total / (2 * taps + 1))


def van_gogh(image: Tensor) -> Tensor:
    """Long strokes that follow the forms, in ultramarine, teal and chrome yellow."""
    y = luma(image)
    direction = stroke_direction(y, 4.0)
    strokes = brush_along(brush_along(y, direction, 7.0), direction, 4.0)
    ridges = (strokes - blur(strokes, 2.5)).clamp(-0.12, 0.12)
    relief = strokes + 2.0 * ridges
    tint = blur(image - y.unsqueeze(-1), 3.0)
    warm = smoothstep(0.0, 0.3, tint[..., 0] - tint[..., 2])
    palette = ramp(relief + 0.10 * warm, STARRY)
    return mix(palette, relief.unsqueeze(-1) + 1.8 * tint, 0.22)


def pencil_sketch(image: Tensor) -> Tensor:
    """Graphite on white paper: outlines and soft shading."""
    y = luma(image)
    lines = smoothstep(0.0, 0.17, edges(y, 1.1))
    tone = curve(flatten(y, 3.0, 0.08), (0.0, 0.22), (0.3, 0.48), (0.6, 0.83), (0.8, 0.96), (1.0, 1.0))
    sheet = tone * (1.0 - 0.85 * lines)
    return sheet.unsqueeze(-1) * image.new_tensor([1.0, 0.995, 0.98])


def comic(image: Tensor) -> Tensor:
    """Flat saturated areas in soft steps of tone, with ink along the dark borders."""
    flat = paint_over(image, 4.5)
    y = luma(flat)
    levels = 4.0
    # y - sin(2 pi n y) / (2 pi n) is a staircase without cliffs: its slope stays below 2.
    stepped = y - torch.sin(2.0 * torch.pi * levels * y) / (2.0 * torch.pi * levels)
    scale = (stepped + 0.02) / (y + 0.02)
    ink = smoothstep(0.03, 0.16, edges(mix(luma(image), y, 0.5), 1.4))
    return saturate(flat * scale.unsqueeze(-1), 1.7) * (1.0 - 0.9 * ink).unsqueeze(-1)
