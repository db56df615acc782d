"""One view's blending weights on a CPU: its picture as a linear function of the Gaussians' colours, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from editor3d.host.compiled import require
from gaussian.raster.autograd import Project, tile_lists
from gaussian.raster.kernels import ALPHA_MIN, weights

LEAST = ALPHA_MIN / 4
"""A weight below which a Gaussian is nothing to a pixel, whose picture has 8 bits."""
_EPS2D, _FAR = 0.3, 1e10  # as `rasterization` draws


@dataclass(frozen=True, eq=False)
class ViewWeights:
    """w_pi of a view of N Gaussians, C_p = sum_i w_pi c_i + T_end * background; `kernels.weights` says what each is."""

    count: int
    """N."""
    width: int
    height: int
    entry_offsets: np.ndarray
    row_offsets: np.ndarray
    owners: np.ndarray
    rows: np.ndarray
    weights: np.ndarray
    order: np.ndarray
    """[E] int32, the entries by Gaussian."""
    starts: np.ndarray
    """[N + 1] int64, where each Gaussian's begin in `order`."""

    @staticmethod
    def of(
        means: Tensor,
        quats: Tensor,
        scales: Tensor,
        opacities: Tensor,
        viewmat: Tensor,
        K: Tensor,
        width: int,
        height: int,
        *,
        near: float = 0.01,
        antialiased: bool = False,
        least: float = float(LEAST),
    ) -> ViewWeights:
        """Find the weights of N Gaussians in one view, as `gaussian.rasterization` blends them.

        Args:
            means, quats, scales, opacities: [N, 3], [N, 4], [N, 3], [N] float32 on the CPU.
            viewmat: [4, 4] world to camera, OpenCV axes.
            K: [3, 3], pixels.
            near: what is nearer is not drawn, scene units.
            antialiased: take back the opacity that the blur of one pixel adds.
            least: leave out weights below this.
        """
        require("gaussian.warmup")
        with torch.no_grad():
            found = Project.apply(
                means, quats, scales, viewmat[None], K[None], width, height, near, _FAR, _EPS2D, 0.0
            )  # fmt: skip
        means2d, depths, conics, radii, compensations, determinants = (array[0].numpy() for array in found)
        opaque = opacities.detach().numpy()
        if antialiased:
            opaque = opaque * compensations
        n = len(opaque)
        nothing = np.zeros((n, 3), np.float32)
        lists = tile_lists(means2d, conics, determinants, opaque, nothing, depths, radii, width, height)
        tiles = lists.tiles_x * lists.tiles_y
        counts, nowhere = np.zeros((tiles, 2), np.int64), np.zeros(tiles + 1, np.int64)
        seen = (lists.records, lists.sources, lists.tile_offsets, lists.ids, lists.tiles_x, np.float32(least))
        empty = (np.empty(0, np.int32), np.empty((0, 2), np.uint8), np.empty((0, weights.TILE), np.uint16))
        weights.weigh(*seen, nowhere, nowhere, counts, *empty)
        entry_offsets, row_offsets = (np.concatenate([[0], np.cumsum(column)]) for column in counts.T)
        owners, rows = np.empty(entry_offsets[-1], np.int32), np.empty((entry_offsets[-1], 2), np.uint8)
        values = np.empty((row_offsets[-1], weights.TILE), np.uint16)
        if len(owners):
            weights.weigh(*seen, entry_offsets, row_offsets, counts, owners, rows, values)
        order = np.argsort(owners, kind="stable").astype(np.int32)
        starts = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=n))])
        return ViewWeights(n, width, height, entry_offsets, row_offsets, owners, rows, values, order, starts)

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        arrays = (self.owners, self.rows, self.weights, self.order, self.starts)
        return sum(array.nbytes for array in arrays)

    def product(self, colors: np.ndarray, importance: np.ndarray) -> tuple[np.ndarray, float]:
        """W^T M W c of colours c [N, 3], [N, 3]; and c^T W^T M W c.

        Args:
            importance: [H, W], the diagonal of M, at least 0.
        """
        return self._product(colors, importance, np.empty((0, 0, 3), np.float32))

    def residual(self, colors: np.ndarray, importance: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
        """W^T M (t - W c) of a target t [H, W, 3], [N, 3]; and the sum of M (t - W c)^2."""
        return self._product(colors, importance, target)

    def _product(self, colors: np.ndarray, importance: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
        shares = np.empty((len(self.owners), 3), np.float32)
        squares = np.zeros(len(self.entry_offsets) - 1)
        weights.normal_product(
            colors, self.entry_offsets, self.row_offsets, self.owners, self.rows, self.weights, importance, target,
            len(target) > 0, self._tiles_x, shares, squares,
        )  # fmt: skip
        return self._added(shares), float(squares.sum())

    def sums(self, importance: np.ndarray) -> np.ndarray:
        """Of each Gaussian sum_p m_p w_pi and sum_p m_p w_pi^2, the diagonal of W^T M W: [N, 2]."""
        shares = np.empty((len(self.owners), 2), np.float32)
        weights.weight_sums(
            self.entry_offsets, self.row_offsets, self.owners, self.rows, self.weights, importance, self._tiles_x,
            shares,
        )  # fmt: skip
        return self._added(shares)

    @property
    def _tiles_x(self) -> int:
        return -(-self.width // weights.TILE)

    def _added(self, shares: np.ndarray) -> np.ndarray:
        sums = np.zeros((self.count, shares.shape[1]), np.float32)
        weights.add_up(shares, self.order, self.starts, sums)
        return sums
