"""Fit the colours of a voxel field alone to some pictures, its density being as it is: linear least squares.

With w_pv the weight of lattice point v in ray p (`nerf_methods.voxel.kernels.weights`) and m_p how much the ray counts,
the changes d of lattice colours c = sigmoid(raw) are those that minimise

    sum_p m_p |t_p - C_p - sum_v w_pv d_v|^2 + D sum_v |d_v|^2,

by conjugate gradients with the diagonal as preconditioner. C_p is the ray as the field is drawn. A field interpolates
raw values before the sigmoid, which this takes for the same; each round begins with the residual of the field itself,
so that this is no part of the result. The colour behind the field is one more lattice point, whose weight is what
transmittance is left.

Before, each lattice point gets the change that the pictures show, by its place and colour
(`editor3d.update.color_change`), seen or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras
from scipy import sparse
from torch import Tensor

from editor3d.host.compiled import require
from editor3d.plugin.views.rays import LensTable, camera_rays
from editor3d.update.color_change import ColorChange
from nerf_methods.voxel.field import VoxelField
from nerf_methods.voxel.kernels import weights
from nerf_methods.voxel.kernels.march import RECORD_SIZE
from nerf_methods.voxel.marching import Rays, as_array, buffers, capacity_of, marched
from nerf_methods.voxel.regions import places

RAYS = 100_000
"""Rays of all pictures together: between them a lattice is smooth."""
PASSES, ROUNDS = 4, 2
"""Products with the matrix in a round, and rounds."""
DAMPING = 0.3
"""D: rays that say as much as the change carried over."""
LEAST = 4e-3
"""A weight below which a sample is nothing to a ray."""
_SAMPLES = 12_000  # rays that the change is learnt from
_CHUNK = 8192
_LOWEST, _HIGHEST = 0.003, 0.997  # colours that a sigmoid reaches
_SOLID = 0.5
_SOLVED = 1e-12  # share of the residual, squared, at which there is nothing left to find in single precision
_FAR = 1e6  # scene units, where no landmark is near
_EMPTY = 0.01  # opacity over one step below which a lattice point that no ray sees shows nothing


@dataclass(frozen=True, eq=False)
class ColorRays:
    """P rays, and what they are to show."""

    origins: Tensor
    """[P, 3], scene units."""
    directions: Tensor
    """[P, 3], unit vectors."""
    wanted: Tensor
    """[P, 3] in 0..1."""
    weight: Tensor
    """[P], how much each counts; at least 0."""

    @staticmethod
    def of(
        cameras: Cameras, lenses: LensTable, pictures: Mapping[int, Tensor], weights: Mapping[int, Tensor]
    ) -> ColorRays:
        """Rays of cameras, dealt out evenly over pictures [H, W, 3] and drawn from pixels that count, [H, W]."""
        parts = []
        for index, picture in pictures.items():
            weight = weights[index].flatten().cpu().float()
            counting = weight.nonzero()[:, 0]
            drawn = torch.randperm(len(counting), generator=torch.Generator().manual_seed(index))
            chosen = counting[drawn[: RAYS // len(pictures)].sort().values]
            rays = camera_rays(cameras, index, lenses, "cpu")
            colors = picture.reshape(-1, 3).cpu().float()[chosen]
            parts.append((rays.origins[chosen], rays.directions[chosen], colors, weight[chosen]))
        return ColorRays(*(torch.cat(column) for column in zip(*parts, strict=True)))


@torch.no_grad()
def fit_colors(
    field: VoxelField,
    rays: ColorRays,
    *,
    free: Tensor | None = None,
    background: bool = False,
    passes: int = PASSES,
    rounds: int = ROUNDS,
) -> None:
    """Give a field on the CPU the colours with which it looks like pictures.

    Args:
        free: [R^3] bool, which lattice points may change; None is all. The others keep their bits.
        background: fit the colour behind the field, too.
    """
    if bool((rays.weight > 0).any()):
        fit = _Fit(field, rays, free, background)
        fit.start()
        for _ in range(rounds):
            fit.improve(passes)


class _Fit:
    def __init__(self, field: VoxelField, rays: ColorRays, free: Tensor | None, background: bool) -> None:
        require("nerf_methods.voxel.warmup")
        self.field, self.given, self.settings = field, rays, field.march_settings()
        half = torch.full_like(rays.weight, 0.5)
        self.rays = Rays.of(rays.origins / field.core_radius, rays.directions, half)
        self.raw = field.grid.data.view(-1, 4)
        matrix = self._weigh()
        varying = torch.zeros(len(self.raw) + 1, dtype=torch.bool)
        varying[torch.from_numpy(matrix.indices)] = True
        varying[:-1] |= self.raw[:, 0] > field.raw_density(_EMPTY)
        if free is not None:
            varying[:-1] &= free.flatten()
        varying[-1] = background
        self.background = background
        self.points = varying[:-1].nonzero()[:, 0]
        count = int(varying.sum())
        # what may not change shares one more column, whose value stays 0
        column = np.where(varying, np.cumsum(varying, dtype=np.int32) - 1, count).astype(np.int32)
        self.matrix = sparse.csr_array(
            (matrix.data, column[matrix.indices], matrix.indptr), shape=(len(rays.weight), count + 1)
        )
        self.weight = as_array(rays.weight)[:, None]
        self.open = np.ones((count + 1, 1), np.float32)
        self.open[count] = 0.0
        self.damping = np.full((count + 1, 1), DAMPING, np.float32)
        self.damping[count - 1 :] = 1e-3 if background else DAMPING
        self.carried = self._colors()

    def _weigh(self) -> sparse.csr_array:
        """w_pv, [P, R^3 + 1], the last column of the background; and how the field is drawn now."""
        starts, columns, values, drawn = [0], [], [], []
        for first in range(0, len(self.rays.origins), _CHUNK):
            part = Rays(*(array[first : first + _CHUNK] for array in vars(self.rays).values()))
            records = buffers.take(len(part.origins), capacity_of(self.settings), RECORD_SIZE)
            counts, *seen = self._marched(part, records)
            drawn.append(seen)
            kept = np.empty(len(counts), np.int64)
            weights.count_samples(records, counts, np.float32(LEAST), kept)
            entries = np.cumsum(kept * weights.CORNERS + 1)
            lattice, share = np.empty(entries[-1], np.int32), np.empty(entries[-1], np.float32)
            begin = np.concatenate([[0], entries[:-1]])
            weights.weigh(
                tuple(self.field.grid.shape[:3]), part.origins, part.directions, np.float32(self.settings.bound),
                self.settings.contracted, records, counts, np.float32(LEAST), begin, lattice, share,
            )  # fmt: skip
            lattice[entries - 1], share[entries - 1] = len(self.raw), 1.0 - seen[1]
            starts.extend(entries + starts[-1])
            columns.append(lattice)
            values.append(share)
        self.drawn, self.accumulation, self.depth = (np.concatenate(column) for column in zip(*drawn, strict=True))
        return sparse.csr_array(
            (np.concatenate(values), np.concatenate(columns), np.array(starts)),
            shape=(len(self.rays.origins), len(self.raw) + 1),
        )

    def _marched(self, rays: Rays, records: np.ndarray) -> tuple[np.ndarray, ...]:
        field = self.field
        return marched(field.grid, field.occupancy, rays, as_array(field.background), self.settings, records)

    def start(self) -> None:
        """Carry the change that the pictures show over to every lattice point, and to the background."""
        solid = ((self.accumulation > _SOLID) & (self.weight[:, 0] > 0)).nonzero()[0]
        if not len(solid):
            return
        some = solid[np.linspace(0, len(solid) - 1, min(_SAMPLES, len(solid))).astype(int)]
        given, depth = self.given, torch.from_numpy(self.depth[some, None]) * self.field.core_radius
        points = given.origins[some] + depth * given.directions[some]
        before = torch.from_numpy(self.drawn[some])
        change = ColorChange.of(points, before, given.wanted[some] - before, given.weight[some])
        where = places(self.field)[self.points]
        if self.background:
            where = torch.cat([where, torch.full((1, 3), _FAR)])
        self._move(change(where, torch.from_numpy(self._colors()[:-1])).numpy())
        self.carried = self._colors()

    def improve(self, passes: int) -> None:
        """Conjugate gradients from the residual of the field as it is drawn now."""
        nothing = np.empty((len(self.rays.origins), 0, RECORD_SIZE), np.float32)
        drawn = self._marched(self.rays, nothing)[1]
        matrix, damping = self.matrix, self.damping
        rest = matrix.T @ (self.weight * (as_array(self.given.wanted) - drawn))
        rest = self.open * (rest - damping * (self._colors() - self.carried))
        squares = sparse.csr_array((matrix.data**2, matrix.indices, matrix.indptr), shape=matrix.shape)
        diagonal = squares.T @ self.weight + damping
        shift, towards = np.zeros_like(rest), rest / diagonal
        along, size = towards.copy(), _dot(rest, towards)
        least = _SOLVED * size
        for _ in range(passes):
            if size <= least:
                break
            product = self.open * (matrix.T @ (self.weight * (matrix @ along)) + damping * along)
            step = np.float32(size / _dot(along, product))
            shift += step * along
            rest -= step * product
            towards = rest / diagonal
            last, size = size, _dot(rest, towards)
            along = towards + np.float32(size / last) * along
        self._move(shift[:-1])

    def _colors(self) -> np.ndarray:
        """The colours of what may change, [M + 1, 3]; the last stands for all that may not."""
        colors = torch.sigmoid(self.raw[self.points, 1:])
        if self.background:
            colors = torch.cat([colors, self.field.background.data[None]])
        return torch.cat([colors, torch.zeros(1, 3)]).numpy()

    def _move(self, shift: np.ndarray) -> None:
        """Change the colours of what may change by [M, 3]; a colour whose change is 0 keeps its bits."""
        moved = torch.from_numpy(self._colors()[:-1] + shift)
        if self.background:
            self.field.background.data.copy_(moved[-1].clamp(0.0, 1.0))
        count = len(self.points)
        before = self.raw[self.points, 1:]
        after = torch.logit(moved[:count].clamp(_LOWEST, _HIGHEST))
        self.raw[self.points, 1:] = torch.where(torch.from_numpy(shift[:count]) == 0.0, before, after)


def _dot(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.einsum("vc,vc->", a, b, dtype=np.float64))
