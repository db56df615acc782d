"""March rays through a voxel grid by the compiled kernel."""

from __future__ import annotations

import math
import sys
import threading
from dataclasses import dataclass

import numba
import numpy as np
from torch import Tensor

from nerf_methods.voxel.kernels import march


@dataclass(frozen=True)
class MarchSettings:
    """What stays the same along all rays of one rendering; see `kernels.march.march`."""

    near: float
    bound: float
    contracted: bool
    step: float
    shift: float
    relu: bool
    stop: float
    explore_every: int = 0


class Buffers:
    """Large scratch arrays, taken again once nobody else holds them.

    Fresh memory of this size comes from the system page by page, zeroed, at every training step; that took as long as
    the arithmetic.
    """

    def __init__(self) -> None:
        self._arrays: list[np.ndarray] = []
        self._lock = threading.Lock()  # a viewer renders from a thread of its own

    def take(self, *shape: int) -> np.ndarray:
        """A float32 array of this shape with arbitrary contents."""
        size = math.prod(shape)
        if size == 0:
            return np.empty(shape, np.float32)
        with self._lock:
            free = [i for i in range(len(self._arrays)) if sys.getrefcount(self._arrays[i]) == 2]  # the list, the call
            for i in free:
                if self._arrays[i].size >= size:
                    return self._arrays[i][:size].reshape(shape)
            for i in reversed(free):  # outgrown
                del self._arrays[i]
            self._arrays.append(np.empty(size, np.float32))
            return self._arrays[-1].reshape(shape)


buffers = Buffers()


def as_array(tensor: Tensor) -> np.ndarray:
    """A tensor's values, contiguous float32."""
    return np.ascontiguousarray(tensor.detach().numpy(), dtype=np.float32)


@dataclass(frozen=True)
class Rays:
    """Rays as the kernels take them, float32."""

    origins: np.ndarray
    """[N, 3], field units."""
    directions: np.ndarray
    """[N, 3], unit vectors."""
    jitter: np.ndarray
    """[N] in 0..1, the first sample's offset in steps."""

    @staticmethod
    def of(origins: Tensor, directions: Tensor, jitter: Tensor) -> Rays:
        return Rays(as_array(origins), as_array(directions), as_array(jitter))


def capacity_of(settings: MarchSettings) -> int:
    """Samples of a ray at most: the longest path through the contracted lattice crosses it fewer than three times."""
    return int(3 * 2 * settings.bound / settings.step) + 2


def marched(
    grid: Tensor, occupancy: Tensor, rays: Rays, background: np.ndarray, settings: MarchSettings, records: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Render N rays by `kernels.march.march`.

    Args:
        records: [N, S, RECORD_SIZE], filled; S is `capacity_of` the settings, or 0 for no records.

    Returns:
        The samples of each ray [N] int32, colours [N, 3], accumulation [N], depth [N].
    """
    n = len(rays.origins)
    counts = np.empty(n, np.int32)
    rgb, accumulation, depth = np.empty((n, 3), np.float32), np.empty(n, np.float32), np.empty(n, np.float32)
    march.march(
        grid.detach().numpy(),
        occupancy.numpy(),
        rays.origins,
        rays.directions,
        rays.jitter,
        settings.explore_every,
        np.float32(settings.near),
        np.float32(settings.bound),
        settings.contracted,
        np.float32(settings.step),
        np.float32(settings.shift),
        settings.relu,
        np.float32(settings.stop),
        background,
        numba.get_num_threads(),
        records,
        counts,
        rgb,
        accumulation,
        depth,
    )
    return counts, rgb, accumulation, depth
