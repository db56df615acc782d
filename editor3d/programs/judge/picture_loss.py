"""The distance between two pictures, as one number and as a vector of residuals.

    loss = 0.3 * photometric + 0.2 * structure + 0.2 * colour + 0.3 * texture

    photometric   mean over levels of (mean |a - b| + sqrt(mean (a - b)^2)) / 2
    structure     mean over levels of (1 - SSIM) / 2, and of the mean difference of edge strengths
    colour        mean difference of the sorted values of each channel (Wasserstein-1 distance of the histograms)
    texture       distributions of gradients and frequencies, wherever the marks lie; see `texture.py`

With a CLIP model, E(.) being its normalised embedding of a picture, a fifth part says how far the same is seen:

    loss = 0.9 * (the loss above) + 0.1 * clip
    clip = (1 - cos(E(a), E(b))) / 2

Levels are the pictures themselves and what area averaging leaves of them at halves, quarters and so on, so that
something that is nearly in its place is nearer than something that is not there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from scipy import ndimage
from skimage.metrics import structural_similarity

from editor3d.programs.judge.texture import Texture

LEVELS, LEAST_SIDE = 5, 4
SSIM_WINDOW = 7
PHOTOMETRIC, STRUCTURE, COLOUR, TEXTURE, CLIP = 0.3, 0.2, 0.2, 0.3, 0.1
Embed = Callable[[np.ndarray], np.ndarray]
"""A picture [H, W, 3] uint8 sRGB to its embedding [D] of length 1."""


class PictureLoss:
    """The distance to one target picture."""

    def __init__(
        self,
        target: np.ndarray,
        *,
        photometric: float = PHOTOMETRIC,
        structure: float = STRUCTURE,
        colour: float = COLOUR,
        texture: float = TEXTURE,
        embed: Embed | None = None,
    ) -> None:
        """
        Args:
            target: [H, W, 3] uint8 sRGB.
            photometric, structure, colour, texture: weights of the four parts.
            embed: CLIP's picture embedding, for the fifth part; without it there are four.
        """
        self.target, self._embed = target, embed
        self._weights = {"photometric": photometric, "structure": structure, "colour": colour, "texture": texture}
        if embed is not None:
            self._weights = {name: (1.0 - CLIP) * weight for name, weight in self._weights.items()} | {"clip": CLIP}
        self._last: tuple[np.ndarray, dict[str, float]] | None = None

    @cached_property
    def _embedded(self) -> np.ndarray:
        assert self._embed is not None
        return self._embed(self.target)

    @cached_property
    def _levels(self) -> list[np.ndarray]:
        return pyramid(self.target)

    @cached_property
    def _edges(self) -> list[np.ndarray]:
        return [edges(level) for level in self._levels]

    @cached_property
    def _texture(self) -> Texture:
        return Texture(self._levels)

    @cached_property
    def _sorted(self) -> np.ndarray:
        return np.sort(self._levels[0].reshape(-1, 3), axis=0)

    def __call__(self, image: np.ndarray) -> float:
        """The loss of a picture [H, W, 3] uint8 of the target's size; 0 where both are equal."""
        parts = self.parts(image)
        return sum(weight * parts[name] for name, weight in self._weights.items())

    def parts(self, image: np.ndarray) -> dict[str, float]:
        """The parts of the loss by name, without their weights; the last picture's are kept."""
        if self._last is None or self._last[0] is not image:
            self._last = image, self._measured(image)
        return dict(self._last[1])

    def _measured(self, image: np.ndarray) -> dict[str, float]:
        levels = pyramid(image)
        photometric, structure = [], []
        for mine, theirs, their_edges in zip(levels, self._levels, self._edges, strict=True):
            difference = mine - theirs
            photometric.append(0.5 * (np.abs(difference).mean() + np.sqrt(np.square(difference).mean())))
            structure.append(np.abs(edges(mine) - their_edges).mean())
            if min(mine.shape[:2]) >= SSIM_WINDOW:
                alike: Any = structural_similarity(mine, theirs, win_size=SSIM_WINDOW, channel_axis=-1, data_range=1.0)
                structure[-1] += 0.5 * (1.0 - alike)
        colour = np.abs(np.sort(levels[0].reshape(-1, 3), axis=0) - self._sorted).mean()
        parts = {
            "photometric": float(np.mean(photometric)),
            "structure": float(np.mean(structure)),
            "colour": float(colour),
            "texture": Texture(levels).difference(self._texture),
        }
        if self._embed is not None:
            parts["clip"] = 0.5 * max(0.0, 1.0 - float(self._embed(image) @ self._embedded))
        return parts

    def residuals(self, image: np.ndarray) -> np.ndarray:
        """What Gauss-Newton makes small: differences at all levels [N] float64, all levels of the same total weight."""
        return flattened(image) - self._flat

    @property
    def fine(self) -> int:
        """How many of the residuals are of the two finest levels."""
        return sum(level.size for level in self._levels[: min(2, len(self._levels) - 1)])

    @cached_property
    def _flat(self) -> np.ndarray:
        return flattened(self.target)


def pyramid(image: np.ndarray) -> list[np.ndarray]:
    """Up to `LEVELS` pictures [h, w, 3] float64 in 0..1, each of half the size of the one before it."""
    levels = [image.astype(np.float64) / 255.0]
    while len(levels) < LEVELS and min(levels[-1].shape[:2]) >= 2 * LEAST_SIDE:
        height, width = (side // 2 * 2 for side in levels[-1].shape[:2])
        even = levels[-1][:height, :width]
        levels.append(even.reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3)))
    return levels


def flattened(image: np.ndarray) -> np.ndarray:
    """All levels in one vector, each divided by the root of its length."""
    return np.concatenate([level.ravel() / np.sqrt(level.size) for level in pyramid(image)])


def edges(level: np.ndarray) -> np.ndarray:
    """Edge strength [h, w]: the length of Sobel's gradient of the channels' mean, 1 for a step from black to white."""
    grey = level.mean(axis=-1)
    return np.hypot(ndimage.sobel(grey, 0, mode="nearest"), ndimage.sobel(grey, 1, mode="nearest")) / 4.0
