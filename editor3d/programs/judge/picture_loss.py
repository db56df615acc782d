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

Within a region, pixels weigh INSIDE of the whole, or their part of the picture if that is more; colours and texture are
those of the region and of the box around it alone.
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
INSIDE, LEAST_BOX = 0.75, 16
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
        region: np.ndarray | None = None,
    ) -> None:
        """
        Args:
            target: [H, W, 3] uint8 sRGB.
            photometric, structure, colour, texture: weights of the four parts.
            embed: CLIP's picture embedding, for the fifth part; without it there are four.
            region: [H, W] bool, what it is about; None is the whole picture.
        """
        self.target, self._embed = target, embed
        self._region = None if region is None or not region.any() else region
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
        return self._texture_of(self._levels)

    @cached_property
    def _sorted(self) -> np.ndarray:
        return self._sorted_of(self._levels[0])

    def _sorted_of(self, level: np.ndarray) -> np.ndarray:
        """The values of each channel in order, of the region's pixels."""
        return np.sort(level.reshape(-1, 3) if self._region is None else level[self._region], axis=0)

    def _texture_of(self, levels: list[np.ndarray]) -> Texture:
        """Of the box around the region."""
        return Texture(levels if self._region is None else halves(levels[0][self._box]))

    @cached_property
    def _box(self) -> tuple[slice, slice]:
        assert self._region is not None
        found = []
        for axis, side in enumerate(self._region.shape):
            inside = np.flatnonzero(self._region.any(axis=1 - axis))
            start = max(0, min(int(inside[0]), side - LEAST_BOX))
            found.append(slice(start, max(int(inside[-1]) + 1, min(start + LEAST_BOX, side))))
        return found[0], found[1]

    @cached_property
    def _weights_of_pixels(self) -> list[np.ndarray] | None:
        """Of each level [h, w, 1], with a mean of 1; None where all weigh the same."""
        if self._region is None:
            return None
        part = float(self._region.mean())
        inside = max(INSIDE, part)
        weights = np.where(self._region, inside / part, (1.0 - inside) / max(1.0 - part, 1e-9))
        return [level / level.mean() for level in halves(np.repeat(weights[..., None], 3, axis=-1))]

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
        weights = self._weights_of_pixels or [np.ones((1, 1, 1))] * len(levels)
        for mine, theirs, their_edges, weight in zip(levels, self._levels, self._edges, weights, strict=True):
            difference = mine - theirs
            photometric.append(
                0.5 * ((weight * np.abs(difference)).mean() + np.sqrt((weight * np.square(difference)).mean()))
            )
            structure.append((weight[..., 0] * np.abs(edges(mine) - their_edges)).mean())
            if min(mine.shape[:2]) >= SSIM_WINDOW:
                structure[-1] += 0.5 * (1.0 - _alike(mine, theirs, None if self._region is None else weight))
        colour = np.abs(self._sorted_of(levels[0]) - self._sorted).mean()
        parts = {
            "photometric": float(np.mean(photometric)),
            "structure": float(np.mean(structure)),
            "colour": float(colour),
            "texture": self._texture_of(levels).difference(self._texture),
        }
        if self._embed is not None:
            parts["clip"] = 0.5 * max(0.0, 1.0 - float(self._embed(image) @ self._embedded))
        return parts

    def residuals(self, image: np.ndarray) -> np.ndarray:
        """What Gauss-Newton makes small: differences at all levels [N] float64, all levels of the same total weight."""
        difference = flattened(image) - self._flat
        return difference if self._roots is None else difference * self._roots

    @property
    def fine(self) -> int:
        """How many of the residuals are of the two finest levels."""
        return sum(level.size for level in self._levels[: min(2, len(self._levels) - 1)])

    @cached_property
    def _roots(self) -> np.ndarray | None:
        """Roots of the pixels' weights, in the order of the residuals."""
        weights = self._weights_of_pixels
        return None if weights is None else np.concatenate([np.sqrt(level).ravel() for level in weights])

    @cached_property
    def _flat(self) -> np.ndarray:
        return flattened(self.target)


def pyramid(image: np.ndarray) -> list[np.ndarray]:
    """Up to `LEVELS` pictures [h, w, 3] float64 in 0..1, each of half the size of the one before it."""
    return halves(image.astype(np.float64) / 255.0)


def halves(values: np.ndarray) -> list[np.ndarray]:
    """Values [H, W, 3] float64 and what area averaging leaves of them."""
    levels = [values]
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


def _alike(one: np.ndarray, other: np.ndarray, weight: np.ndarray | None) -> float:
    """SSIM, the mean over pixels by their weights."""
    found: Any = structural_similarity(
        one, other, win_size=SSIM_WINDOW, channel_axis=-1, data_range=1.0, full=weight is not None
    )
    return float(found if weight is None else 1.0 - (weight * (1.0 - found[1])).mean())
