"""Photographs from installed packages, as training pictures of the small models.

Nothing is downloaded. Each photograph is looked for in the package that brings it and left out where that is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from editor3d.errors import DataError
from editor3d.host.surroundings import lent

_FLAT: tuple[tuple[str, str, str], ...] = (
    ("skimage", "data/astronaut.png", "an astronaut"),
    ("skimage", "data/chelsea.png", "a cat"),
    ("skimage", "data/coffee.png", "a cup of coffee"),
    ("skimage", "data/motorcycle_left.png", "a motorcycle"),
    ("skimage", "data/rocket.jpg", "a rocket"),
    ("skimage", "data/grass.png", "grass"),
    ("skimage", "data/gravel.png", "gravel"),
    ("skimage", "data/brick.png", "a brick wall"),
    ("skimage", "data/camera.png", "a photographer"),
    ("skimage", "data/retina.jpg", "a retina"),
    ("skimage", "data/hubble_deep_field.jpg", "galaxies"),
    ("skimage", "data/ihc.png", "tissue"),
    ("sklearn", "datasets/images/china.jpg", "a temple"),
    ("sklearn", "datasets/images/flower.jpg", "a flower"),
    ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg", "a woman"),
)
_PANORAMAS: tuple[tuple[str, str, str], ...] = (
    ("bpy", "4.5/datafiles/studiolights/world/forest.exr", "a forest"),
    ("bpy", "4.5/datafiles/studiolights/world/courtyard.exr", "a courtyard"),
    ("bpy", "4.5/datafiles/studiolights/world/city.exr", "a city"),
    ("bpy", "4.5/datafiles/studiolights/world/interior.exr", "a room"),
    ("bpy", "4.5/datafiles/studiolights/world/sunrise.exr", "fields"),
    ("bpy", "4.5/datafiles/studiolights/world/sunset.exr", "hills"),
    ("bpy", "lib/usd/hdx/resources/textures/StinsonBeach.hdr", "a beach"),
    ("viser", "client/build/hdri/potsdamer_platz_1k.hdr", "a street"),
)
_WEIGHTS = {"a forest": 5.0, "a courtyard": 2.0, "a retina": 0.3, "galaxies": 0.3, "tissue": 0.3, "a temple": 2.0}
"""How often a photograph is drawn; 1 where not named. Foliage and stone are what outdoor captures are made of."""


@dataclass(frozen=True, eq=False)
class Photograph:
    """One picture of a package."""

    caption: str
    """A noun phrase in English."""
    pixels: np.ndarray
    """[H, W, 3] float32: sRGB in 0..1, or linear light of any height where `panorama`."""
    panorama: bool
    """The whole sphere in the equirectangular projection."""

    @property
    def weight(self) -> float:
        """How often it is drawn, relative to the others."""
        return _WEIGHTS.get(self.caption, 1.0)


def load_photographs() -> tuple[Photograph, ...]:
    """All photographs that are on this machine.

    Raises:
        DataError: those that this package's own dependencies bring are missing.
    """
    with lent(OPENCV_IO_ENABLE_OPENEXR="1"):  # read by OpenCV at its first EXR
        found = [
            *(_load(*entry, panorama=False) for entry in _FLAT),
            *(_load(*entry, panorama=True) for entry in _PANORAMAS),
        ]
    there = tuple(photograph for photograph in found if photograph is not None)
    if len(there) < 8:
        raise DataError(
            f"Expected the sample photographs of scikit-image, scikit-learn and matplotlib, but found {len(there)}; "
            "reinstall these packages."
        )
    return there


def draw_crop(photograph: Photograph, rng: np.random.Generator, side: int) -> np.ndarray:
    """A random square cutting [side, side, 3] float32 sRGB in 0..1: a crop, or a perspective view of a panorama."""
    if photograph.panorama:
        return _perspective(photograph.pixels, rng, side)
    height, width = photograph.pixels.shape[:2]
    length = int(min(height, width) * rng.uniform(0.3, 1.0) ** 0.7)
    length = max(length, min(side, height, width))
    top, left = rng.integers(0, height - length + 1), rng.integers(0, width - length + 1)
    crop = np.ascontiguousarray(photograph.pixels[top : top + length, left : left + length])
    return cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA if length >= side else cv2.INTER_CUBIC).clip(
        0, 1
    )


def _load(package: str, file: str, caption: str, panorama: bool) -> Photograph | None:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / file
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED if panorama else cv2.IMREAD_COLOR) if path.is_file() else None
    if pixels is None:
        return None
    pixels = np.ascontiguousarray(pixels[..., 2::-1])
    return Photograph(caption, pixels if panorama else pixels.astype(np.float32) / 255.0, panorama)


def _perspective(panorama: np.ndarray, rng: np.random.Generator, side: int) -> np.ndarray:
    """A pinhole view in a random direction, exposed so that its median is a mid tone."""
    height, width = panorama.shape[:2]
    yaw, pitch, roll = rng.uniform(0, 2 * np.pi), rng.normal(-0.1, 0.35), rng.normal(0, 0.06)
    extent = np.tan(np.radians(rng.uniform(35.0, 85.0)) / 2)
    # Twice the size, then halved: a view samples the panorama sparsely.
    across = np.linspace(-extent, extent, 2 * side, dtype=np.float32)
    x, y = np.meshgrid(across, -across)
    x, y = np.cos(roll) * x - np.sin(roll) * y, np.sin(roll) * x + np.cos(roll) * y
    up, forward = np.cos(pitch) * y + np.sin(pitch), np.cos(pitch) - np.sin(pitch) * y
    longitude = np.arctan2(x, forward) + yaw
    latitude = np.arctan2(up, np.hypot(x, forward))
    column = ((longitude / (2 * np.pi)) % 1.0 * width).astype(np.float32)
    row = ((0.5 - latitude / np.pi) * height).astype(np.float32).clip(0, height - 1)
    linear = cv2.remap(panorama, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    linear = cv2.resize(linear, (side, side), interpolation=cv2.INTER_AREA)
    exposure = 0.18 * 2.0 ** rng.uniform(-0.7, 0.9) / max(float(np.median(linear)), 1e-4)
    exposed = (linear * exposure).clip(0, None)
    toned = exposed * (1 + exposed / 9.0) / (1 + exposed)  # Reinhard's curve, white at 3
    return (
        np.where(toned <= 0.0031308, 12.92 * toned, 1.055 * toned.clip(1e-6) ** (1 / 2.4) - 0.055)
        .clip(0, 1)
        .astype(np.float32)
    )
