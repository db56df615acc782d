"""Pictures without a subject but with the statistics of photographs: fractal noise and dead leaves."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np


def fractal_noise(rng: np.random.Generator, side: int, slope: float) -> np.ndarray:
    """Noise [side, side] float32 of power spectrum 1 / f^(2 slope), mean 0 and standard deviation 1."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    frequency[0, 0] = 1.0
    amplitude = frequency**-slope
    amplitude[0, 0] = 0.0
    phase = rng.uniform(0, 2 * np.pi, frequency.shape)
    noise = np.fft.irfft2(amplitude * np.exp(1j * phase), (side, side)).astype(np.float32)
    return noise / noise.std()


def random_color(rng: np.random.Generator) -> np.ndarray:
    """[3] float32 sRGB: any hue, mostly of low saturation, as surfaces are."""
    hue, saturation, value = rng.uniform(0, 360), rng.beta(1.3, 1.8), rng.uniform(0.08, 1.0)
    return cv2.cvtColor(np.array([[[hue, saturation, value]]], np.float32), cv2.COLOR_HSV2RGB)[0, 0]


def tinted_noise(rng: np.random.Generator, side: int) -> np.ndarray:
    """A texture [side, side, 3] float32 in 0..1: two colours mixed by noise, with a grain of its own."""
    mix = 1 / (1 + np.exp(-rng.uniform(0.5, 4.0) * fractal_noise(rng, side, rng.uniform(0.6, 2.0))))[..., None]
    picture = mix * random_color(rng) + (1 - mix) * random_color(rng)
    grain = fractal_noise(rng, side, rng.uniform(0.2, 1.2))[..., None] * rng.uniform(0.0, 0.12)
    return (picture + grain).clip(0, 1).astype(np.float32)


def dead_leaves(
    rng: np.random.Generator, side: int, draw_fill: Callable[[np.random.Generator, int], np.ndarray]
) -> np.ndarray:
    """Shapes of all sizes that hide each other (Matheron's dead leaves), each filled by a texture.

    Args:
        rng: draws everything.
        side: of the picture.
        draw_fill: (rng, side) -> a texture [side, side, 3] in 0..1.

    Returns:
        [side, side, 3] float32 in 0..1.
    """
    picture = draw_fill(rng, side)
    fills = [draw_fill(rng, side) for _ in range(5)]
    for _ in range(int(rng.integers(8, 60))):
        # Radii by an inverse cube law, which makes the picture's statistics those of photographs at all scales.
        radius = side * 0.04 / np.sqrt(rng.uniform(0.012, 1.0))
        centre = rng.uniform(0, side, 2)
        corners = int(rng.integers(3, 9))
        angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
        points = centre + radius * rng.uniform(0.5, 1.0, (corners, 1)) * np.stack([np.cos(angle), np.sin(angle)], -1)
        mask = np.zeros((side, side), np.float32)
        if rng.random() < 0.5:
            axes = (max(1, int(radius)), max(1, int(radius * rng.uniform(0.3, 1.0))))
            middle = (int(centre[0]), int(centre[1]))
            cv2.ellipse(mask, middle, axes, rng.uniform(0, 180), 0, 360, (1.0,), -1, cv2.LINE_AA)
        else:
            cv2.fillPoly(mask, [points.round().astype(np.int32)], (1.0,), cv2.LINE_AA)
        fill = fills[int(rng.integers(len(fills)))]
        if rng.random() < 0.5:
            fill = fill * rng.uniform(0.4, 1.3) * (0.6 + 0.4 * random_color(rng))
        picture = picture + mask[..., None] * (fill - picture)
    if rng.random() < 0.6:
        light = 1 + 0.25 * fractal_noise(rng, side, 2.2)[..., None]
        picture = picture * light.clip(0.3, 1.8)
    return picture.clip(0, 1).astype(np.float32)


def jitter(rng: np.random.Generator, picture: np.ndarray, amount: float = 1.0) -> np.ndarray:
    """Another exposure, white balance and saturation of a picture [H, W, 3] in 0..1."""
    gain = (1 + amount * rng.uniform(-0.12, 0.12, 3)) * (1 + amount * rng.uniform(-0.25, 0.25))
    out = picture ** float(np.exp(amount * rng.uniform(-0.35, 0.35))) * gain
    gray = out.mean(-1, keepdims=True)
    return (gray + (1 + amount * rng.uniform(-0.4, 0.35)) * (out - gray)).clip(0, 1).astype(np.float32)
