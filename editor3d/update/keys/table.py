"""A table of colours: what an edit does to each of them, learnt from edited views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from scipy.sparse import csr_matrix, diags, identity, kron
from scipy.sparse.linalg import cg
from torch import Tensor

from editor3d.update.keys.colors import ColorMap, fit_map

NODES = 17
"""Of the table's side: a colour is 16 intervals of red, green and blue."""
_SAMPLED = 60_000
"""Pixels that a table is fitted to, at most."""
_ROUNDS = 3
_SMOOTH, _PRIOR = 2e-2, 1e-4
"""Weights of the table's bends and of the plain map, beside the mean evidence of a node."""
_LEAST_SCALE = 0.02
_SCALES = (1 / 256, 1 / 64, 1 / 24, 1 / 8)
"""Blurs that say what surrounds a pixel, as shares of the shorter side."""
_FEATURES = 6 * len(_SCALES)
_LEAST_BLUR = 0.7
_RIDGE = 1e-3
_LUMA = (0.299, 0.587, 0.114)
_EXACT = 1e-6


@dataclass(frozen=True, eq=False)
class ColorTable:
    """A map of colours c' = T(c) + G h(c): T by trilinear interpolation between nodes, and how much local contrast the
    edit adds or takes, with h the differences of c to its surroundings at four scales, plain and times the luma."""

    nodes: np.ndarray
    """[17^3, 3] float64, red slowest."""
    contrast: np.ndarray | None = None
    """G: [24, 3] float64; None is 0."""

    def __call__(self, picture: Tensor) -> Tensor:
        """A picture [H, W, 3] in 0..1, mapped: the same."""
        colors = picture.detach().cpu().reshape(-1, 3).double().numpy()
        mapped = _interpolation(colors) @ self.nodes
        if self.contrast is not None:
            mapped += _local(picture).reshape(len(colors), -1) @ self.contrast
        return torch.from_numpy(mapped.clip(0.0, 1.0).astype(np.float32)).view(picture.shape)


def fit_table(
    sources: Sequence[Tensor], wanted: Sequence[Tensor], weights: Sequence[Tensor], contrast_too: bool = True
) -> ColorTable:
    """The table that takes `sources` to `wanted`: the T and G that minimise

        sum_p m_p |T(c_p) + G h_p - c'_p|^2 + s sum |second differences of T|^2 + k |T - P|^2 + r |G|^2

    in turns, with P the polynomial of the second degree that fits best, which says what happens to colours that no
    pixel has. Pixels that other pixels of their colour contradict count less: Cauchy's weights, as in
    `colors.fit_map`.

    Args:
        sources: pictures [H, W, 3] in 0..1.
        wanted: the same, edited.
        weights: [H, W] of at least 0 each.
        contrast_too: whether G is fitted; else it is 0. It takes shifts between the pictures for blur.
    """
    plain = fit_map(list(sources), list(wanted), list(weights), degree=2)
    step = max(1, round((sum(s.shape[0] * s.shape[1] for s in sources) / _SAMPLED) ** 0.5))
    some = (slice(step // 2, None, step), slice(step // 2, None, step))
    colors, targets, amounts = (
        np.concatenate([picture[some].detach().cpu().double().numpy().reshape(-1, size) for picture in pictures])
        for pictures, size in ((sources, 3), (wanted, 3), (weights, 1))
    )
    amount, prior = amounts[:, 0], _at_nodes(plain)
    if amount.sum() <= 0:
        return ColorTable(prior)
    local, contrast, added = None, None, np.zeros_like(targets)
    if contrast_too:
        local = np.concatenate([_local(source)[some].reshape(-1, _FEATURES) for source in sources])
    rows, robust = _interpolation(colors), np.ones(len(colors))
    bends = _bends()
    nodes = prior
    for _ in range(_ROUNDS):
        by = amount * robust
        evidence = by.sum() / NODES**2  # the nodes that pictures touch are about a surface's number
        kept = evidence * (_SMOOTH * bends + _PRIOR * identity(NODES**3))
        system = (rows.T @ rows.multiply(by[:, None]) + kept).tocsr()
        asked = targets - added
        wanted_nodes = rows.T @ (by[:, None] * asked) + evidence * (_SMOOTH * (bends @ prior) + _PRIOR * prior)
        scaling = diags(1.0 / system.diagonal())
        columns = [cg(system, wanted_nodes[:, c], nodes[:, c], rtol=_EXACT, M=scaling)[0] for c in range(3)]
        nodes = np.stack(columns, 1)
        flat = rows @ nodes
        if local is not None:
            contrast = _contrast(local, targets - flat, by)
            added = local @ contrast
        residual = np.abs((flat + added).clip(0.0, 1.0) - targets).mean(1)
        scale = max(_LEAST_SCALE, 3.0 * float(np.median(residual[amount > 0])))
        robust = 1.0 / (1.0 + (residual / scale) ** 2)
    return ColorTable(nodes, contrast)


def _contrast(local: np.ndarray, left: np.ndarray, by: np.ndarray) -> np.ndarray:
    """G [24, 3] by ridge regression of what the table leaves, [N, 3]."""
    system = local.T @ (by[:, None] * local)
    ridge = _RIDGE * np.trace(system) / len(system) + 1e-9
    return np.linalg.solve(system + ridge * np.eye(len(system)), local.T @ (by[:, None] * left))


def _local(picture: Tensor) -> np.ndarray:
    """How colours differ from their surroundings: [H, W, 24] float64."""
    array = np.ascontiguousarray(picture.detach().cpu().float().numpy())
    luma = array @ np.array(_LUMA, np.float32)
    shorter = min(array.shape[:2])
    parts = []
    for scale in _SCALES:
        apart = array - cv2.GaussianBlur(array, (0, 0), max(_LEAST_BLUR, scale * shorter))
        parts += [apart, apart * luma[..., None]]
    return np.concatenate(parts, -1).astype(np.float64)


def _at_nodes(plain: ColorMap) -> np.ndarray:
    line = torch.linspace(0.0, 1.0, NODES)
    grid = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).view(1, -1, 3)
    return plain(grid)[0].double().numpy()


def _bends() -> csr_matrix:
    """The sum of squared second differences along the three axes, as a matrix [17^3, 17^3]."""
    second = np.diff(np.eye(NODES), 2, axis=0)
    along, same = csr_matrix(second.T @ second), identity(NODES)
    return (kron(kron(along, same), same) + kron(kron(same, along), same) + kron(kron(same, same), along)).tocsr()


def _interpolation(colors: np.ndarray) -> csr_matrix:
    """The weights [N, 17^3] of the nodes round each of N colours."""
    place = colors.clip(0.0, 1.0) * (NODES - 1)
    low = np.minimum(place.astype(np.int64), NODES - 2)
    part = place - low
    columns, values = [], []
    for corner in np.ndindex(2, 2, 2):
        columns.append(np.ravel_multi_index((low + corner).T, (NODES,) * 3))
        values.append(np.prod(np.where(corner, part, 1.0 - part), axis=1))
    count = len(colors)
    starts = np.arange(0, 8 * count + 1, 8)
    return csr_matrix((np.stack(values, 1).ravel(), np.stack(columns, 1).ravel(), starts), (count, NODES**3))
