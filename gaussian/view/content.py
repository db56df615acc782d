"""Find the detail in a scene of splats: where it is, how far it reaches, and what only surrounds it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.spatial import KDTree

from gaussian.splats import Splats, select

_VISIBLE = 0.1  # opacity from which on a Gaussian counts as matter
_POINTS = 40_000
_NEIGHBOURS = 16
_DENSEST, _GROWTH = 0.2, 1.5
"""The detail of a scene is as dense as its densest fifth, or by so much wider spaced."""
_REACH, _ALL = 0.75, 0.97  # shares of the detail: within the radius, and all but what lies apart
_MEDIAN_STEPS = 30
_WALLS, _INNER = 5000, 250
_OWN = 0.25  # of the distance to the sixteenth neighbour: what no other is nearer to
_BESIDE = 5.0  # times that: what is nearer belongs to the same surface
_BIN = 0.1  # radians: half the gap between directions that are looked in


def sphere(count: int) -> np.ndarray:
    """Unit vectors [count, 3] that are spread evenly, from the north to the south pole."""
    index = np.arange(count) + 0.5
    z = 1 - 2 * index / count
    azimuth = np.pi * (3 - 5**0.5) * index
    return np.stack([np.sqrt(1 - z * z) * np.cos(azimuth), np.sqrt(1 - z * z) * np.sin(azimuth), z], 1)


_SPHERE = sphere(192)


@dataclass(frozen=True, eq=False)
class Content:
    """The matter of a scene, thinned out evenly to what can be thought about in a second.

    Training puts Gaussians where pictures showed detail: their number in a place says how much was seen of it, from how
    near. What has been captured on purpose is the densest; skies, far surroundings and floaters are thin.
    """

    places: np.ndarray
    """[M, 3] float64."""
    spacing: np.ndarray
    """Distance [M] to the sixteenth neighbour."""
    detailed: np.ndarray
    """[M] bool: as dense as the densest part of the scene."""
    sketch: Splats
    """The scene as these M Gaussians alone, each as much wider as there are fewer: from afar it looks alike."""

    normals: np.ndarray
    """[M, 3], of either sign: across the plane that the neighbours lie in best."""
    flatness: np.ndarray
    """[M] in 0..1: how well they do."""

    @classmethod
    def of(cls, splats: Splats) -> Content:
        """The content of a scene of N >= 1 Gaussians on the CPU."""
        chosen = thinned(splats, _POINTS)
        places = splats.means[chosen].double().numpy()
        near = min(_NEIGHBOURS, len(places) - 1)
        gaps, neighbours = (
            found.reshape(len(places), -1) for found in KDTree(places).query(places, near + 1, workers=-1)
        )
        spacing = gaps[:, -1]
        around = places[neighbours] - places[neighbours].mean(1, keepdims=True)
        spread, axes = np.linalg.eigh(np.einsum("nki,nkj->nij", around, around))
        densest = np.sort(spacing)[: max(1, int(_DENSEST * len(spacing)))]
        return cls(
            places=places,
            spacing=spacing,
            detailed=spacing <= _GROWTH * np.median(densest),
            normals=axes[:, :, 0],
            flatness=1 - spread[:, 0] / np.maximum(spread[:, 1], 1e-30),
            sketch=_sketch_of(splats, chosen),
        )

    @cached_property
    def centre(self) -> np.ndarray:
        """The middle of the detail, but for what lies far from its geometric median: [3]."""
        places = self.places[self.detailed]
        median = np.median(places, axis=0)
        for _ in range(_MEDIAN_STEPS):
            weights = 1 / np.maximum(np.linalg.norm(places - median, axis=1), 1e-12)
            median = (places * weights[:, None]).sum(0) / weights.sum()
        away = np.linalg.norm(places - median, axis=1)
        return places[away <= 2 * np.quantile(away, _REACH)].mean(0)

    @cached_property
    def radius(self) -> float:
        """How far from the centre three quarters of the detail lie, scene units."""
        return self._within(self.centre, _REACH)

    def reach_about(self, centre: np.ndarray) -> float:
        """How far from a place all but the farthest detail lies, scene units."""
        return self._within(centre, _ALL)

    def _within(self, centre: np.ndarray, share: float) -> float:
        away = np.linalg.norm(self.places[self.detailed] - centre, axis=1)
        return max(float(np.quantile(away, share)), self.detail_size, 1e-9)

    @cached_property
    def detail_size(self) -> float:
        """Median of the sketch's standard deviations where the detail is, scene units."""
        widths = self.sketch.scales.sort(-1).values[:, 1].numpy()
        return max(float(np.median(widths[self.detailed])), 1e-12)

    @cached_property
    def _tree(self) -> KDTree:
        return KDTree(self.places[self.detailed])

    def clearance(self, places: np.ndarray) -> np.ndarray:
        """How far the nearest detail is from places [P, 3]: [P], scene units."""
        return self._tree.query(places)[0]

    @cached_property
    def _walls(self) -> tuple[np.ndarray, np.ndarray]:
        """Some of the detail [W, 3], and how far around each is its own [W]."""
        every = max(1, int(self.detailed.sum()) // _WALLS)
        places, spacing = self.places[self.detailed][::every], self.spacing[self.detailed][::every]
        return places, _OWN * spacing * every**0.5

    def enclosure(self, place: np.ndarray) -> float:
        """The share of all directions in which there is detail, seen from a place [3]: 0..1. What is right beside the
        place does not count."""
        places, own = self._walls
        offsets = places - place
        far = np.maximum(np.linalg.norm(offsets, axis=1), 1e-12)
        beyond = far > _BESIDE * own
        angles = own[beyond] / far[beyond] + _BIN
        alike = (offsets[beyond] / far[beyond, None]) @ _SPHERE.T
        return float((alike > np.cos(angles)[:, None]).any(0).mean())

    def inner_share(self, enclosed: float) -> float:
        """The share of the detail that more detail encloses to such a share of all directions: 0..1."""
        places, _ = self._walls
        some = places[:: max(1, len(places) // _INNER)]
        return float(np.mean([self.enclosure(place) >= enclosed for place in some]))


def thinned(splats: Splats, most: int) -> torch.Tensor:
    """Indices, in order, of at most so many Gaussians that can be seen, drawn evenly; of all where none can."""
    visible = (splats.opacities >= _VISIBLE).nonzero()[:, 0]
    if len(visible) == 0:
        visible = torch.arange(len(splats))
    if len(visible) <= most:
        return visible
    generator = torch.Generator().manual_seed(0)
    return visible[torch.randperm(len(visible), generator=generator)[:most]].sort().values


def _sketch_of(splats: Splats, chosen: torch.Tensor) -> Splats:
    wider = ((splats.opacities >= _VISIBLE).sum().clamp_min(1).item() / len(chosen)) ** 0.5
    kept = select(splats, chosen)
    return Splats(
        kept.means, kept.log_scales + max(math.log(wider), 0.0), kept.quats, kept.opacity_logits, kept.sh[:, :1]
    )
