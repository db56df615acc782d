"""Draws the originals of the training pairs: photographs, dead leaves, rendered still lifes, views of the demo scene.

Only the demo scene's training views are used; its held-out views judge the models.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from editor3d.files.safe_open import open_picture, opencv_pixels
from lab.training.data.photographs import Photograph, draw_crop, load_photographs
from lab.training.data.renders import draw_still
from lab.training.data.textures import dead_leaves, jitter, tinted_noise

SHARES: dict[str, dict[str, float]] = {
    "editor": {"photograph": 0.30, "dead leaves": 0.13, "still": 0.32, "demo": 0.25},
    "stills": {"still": 0.75, "studio": 0.25},
}
"""Of each sort of data, the share of each kind of original."""


@dataclass(frozen=True, eq=False)
class Original:
    """A picture before any edit."""

    pixels: np.ndarray
    """[H, W, 3] float32 sRGB in 0..1."""
    content: str
    """What it shows, a noun phrase."""
    masks: dict[str, np.ndarray] = field(default_factory=dict)
    """Name -> [H, W] bool of the objects that an instruction may name."""


@dataclass(frozen=True, eq=False)
class DemoView:
    """One training view of the demo scene."""

    pixels: np.ndarray
    """[H, W, 3] float32 in 0..1."""
    labels: np.ndarray
    """[H, W] uint8 object ids."""


class OriginalSource:
    """Holds what pictures are drawn from."""

    def __init__(self, side: int = 128, sort: str = "editor") -> None:
        """
        Args:
            side: of the square pictures, in pixels.
            sort: of data, a key of `SHARES`.

        Raises:
            DataError: the sample photographs of the dependencies are missing.
        """
        self.side, self._kinds = side, SHARES[sort]
        self._photographs = load_photographs()
        weights = np.array([photograph.weight for photograph in self._photographs])
        self._shares = weights / weights.sum()
        self._views, self._ids = _demo_views()
        self._draw: dict[str, Callable[[np.random.Generator], Original]] = {
            "photograph": self._photograph,
            "dead leaves": self._dead_leaves,
            "still": self._still,
            "studio": self._studio,
            "demo": self._demo,
        }

    def draw(self, rng: np.random.Generator) -> Original:
        """One original, [side, side, 3]."""
        kind = str(rng.choice(list(self._kinds), p=list(self._kinds.values())))
        original = self._draw[kind](rng)
        if rng.random() < 0.5:
            flipped = {name: np.ascontiguousarray(mask[:, ::-1]) for name, mask in original.masks.items()}
            original = Original(np.ascontiguousarray(original.pixels[:, ::-1]), original.content, flipped)
        return original

    def _choose(self, rng: np.random.Generator) -> Photograph:
        return self._photographs[int(rng.choice(len(self._photographs), p=self._shares))]

    def _fill(self, rng: np.random.Generator, side: int) -> np.ndarray:
        return draw_crop(self._choose(rng), rng, side) if rng.random() < 0.6 else tinted_noise(rng, side)

    def _photograph(self, rng: np.random.Generator) -> Original:
        photograph = self._choose(rng)
        pixels = draw_crop(photograph, rng, self.side)
        if rng.random() < 0.5:
            pixels = jitter(rng, pixels)
        if rng.random() < 0.15:  # another photograph seen through it
            other = draw_crop(self._choose(rng), rng, self.side)
            amount = 1 / (1 + np.exp(-8 * (np.linspace(0, 1, self.side) - rng.uniform(0.3, 0.7))))[:, None, None]
            pixels = (amount * pixels + (1 - amount) * other).astype(np.float32)
        return Original(pixels, photograph.caption)

    def _dead_leaves(self, rng: np.random.Generator) -> Original:
        return Original(dead_leaves(rng, self.side, self._fill), "shapes")

    def _still(self, rng: np.random.Generator) -> Original:
        still = draw_still(rng, self.side, self._fill)
        return Original(still.pixels, _listing(still.masks, still.colors), still.masks)

    def _studio(self, rng: np.random.Generator) -> Original:
        """A still life with nothing behind it but one tone, as meshes are often shown."""
        tone = (rng.uniform(0.0, 1.0) + rng.normal(0.0, 0.05, 3)).clip(0.0, 1.0) if rng.random() < 0.6 else np.ones(3)
        still = draw_still(rng, self.side, lambda _, side: np.tile(tone.astype(np.float32), (side, side, 1)))
        return Original(still.pixels, _listing(still.masks, still.colors), still.masks)

    def _demo(self, rng: np.random.Generator) -> Original:
        view = self._views[int(rng.integers(len(self._views)))]
        height, width = view.labels.shape
        length = int(min(height, width) * (1.0 if rng.random() < 0.4 else rng.uniform(0.6, 1.0)))
        top, left = rng.integers(0, height - length + 1), rng.integers(0, width - length + 1)
        window = (slice(top, top + length), slice(left, left + length))
        size = (self.side, self.side)
        pixels = cv2.resize(np.ascontiguousarray(view.pixels[window]), size, interpolation=cv2.INTER_AREA)
        masks = {}
        for name, label in self._ids.items():
            share = (view.labels[window] == label).astype(np.float32)
            mask = cv2.resize(share, size, interpolation=cv2.INTER_AREA) >= 0.5
            if mask.sum() >= 0.003 * mask.size:
                masks[name] = mask
        if rng.random() < 0.5:
            pixels = jitter(rng, pixels, 0.6)
        return Original(pixels, _listing(masks, {}), masks)


def _listing(masks: dict[str, np.ndarray], colors: dict[str, str]) -> str:
    """The two largest objects: "a red teapot and a ball"."""
    things = [name for name in masks if name not in ("table", "cloth")] or list(masks)
    largest = sorted(things, key=lambda name: -int(masks[name].sum()))[:2]
    named = [f"{'' if name == 'books' else 'a '}{colors.get(name, '')} {name}".replace("  ", " ") for name in largest]
    return " and ".join(part.strip() for part in named) or "a background"


def _demo_views() -> tuple[list[DemoView], dict[str, int]]:
    from editor3d.datasets import load_posed_images
    from editor3d.datasets.demo import demo_path

    images = load_posed_images(demo_path())
    views = []
    for view in images.train_views:
        with open_picture(view.image_path) as picture:
            pixels = opencv_pixels(picture, cv2.IMREAD_COLOR)[..., ::-1]
        assert view.labels_path is not None  # the demo scene has them
        with open_picture(view.labels_path) as picture:
            labels = opencv_pixels(picture, cv2.IMREAD_UNCHANGED)
        views.append(DemoView(np.ascontiguousarray(pixels).astype(np.float32) / 255.0, labels))
    return views, dict(images.objects)
