"""Carrying an edit made at a small size over to the full-size picture, so that its detail survives.

First the whole picture's edit is taken to be one map of colour, a polynomial p fitted to the small picture before (g)
and after (e): tone curves bend, and no affine map follows them. Around each pixel a share l in 0..1 of it holds, none
where nothing was edited: q(x) = x + l (p(x) - x). What is left in a neighbourhood is taken to be an affine map,
e = A q(g) + b. Shares, A and b are fitted by least squares, vary smoothly, are scaled up, and are applied to the
full-size picture. This is the guided filter with a colour guide (He et al. 2013, equations 19-21) used for upsampling
(Chen et al. 2016, "Bilateral guided upsampling"), except that A shrinks toward 1 instead of 0, so that fine detail in
flat areas is carried over too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations_with_replacement

import cv2
import numpy as np
import torch
from torch import Tensor

_RIDGE = {1: 1e-5, 2: 2e-3, 3: 2e-3}
"""Added to the correlations of terms of a degree: the map bends only where that explains much."""
_RADIUS = 6
"""Small pixels around each that one affine map is fitted to."""
_SHRINK = 0.03
"""Added to the diagonal of the guide's covariance: where colour varies by less than its root, q alone is the map."""


def upsample_edit(full: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Apply to a picture the change that a small copy of it underwent.

    Args:
        full: [H, W, 3] in 0..1, the picture at full size.
        before: [h, w, 3] in 0..1, the small copy as the small editor would give it back unedited.
        after: [h, w, 3] in 0..1, the small copy edited.

    Returns:
        [H, W, 3] float32 in 0..1 on `full`'s device. Where `after` equals `before`, the picture as it was.
    """
    height, width = full.shape[:2]

    def enlarged(values: np.ndarray) -> np.ndarray:
        """Values [h, w, C], averaged over the windows that hold the pixel, then scaled up."""
        smooth = [_box(np.ascontiguousarray(plane), 1) for plane in np.moveaxis(values, -1, 0)]
        return np.stack([cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR) for plane in smooth], -1)

    small, target, picture = _array(before), _array(after), _array(full)
    whole = _fit_colours(small, target)
    change = whole(small) - small
    share = _share(change, target - small)
    guide = small + share * change
    covariance, cross, mean_guide, mean_target = _moments(guide, target, _RADIUS)
    toward = _SHRINK * np.eye(3)
    matrix = np.linalg.solve(covariance + toward, cross + toward)
    offset = mean_target - np.einsum("hwi,hwij->hwj", mean_guide, matrix)
    coefficients = enlarged(np.concatenate([matrix.reshape(*matrix.shape[:2], 9), offset], -1))
    picture += enlarged(share) * (whole(picture) - picture)
    out = np.einsum("hwi,hwij->hwj", picture, coefficients[..., :9].reshape(height, width, 3, 3))
    out += coefficients[..., 9:]
    return torch.from_numpy(out.clip(0, 1).astype(np.float32)).to(full.device)


def _fit_colours(before: np.ndarray, after: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The map of colour x + sum_k w_k m_k(x) + c, m_k the monomials, by ridge regression of what changed."""
    terms = np.stack([term.ravel() for term in _monomials(before)], -1)
    mean, spread = terms.mean(0), terms.std(0) + 1e-6
    terms = (terms - mean) / spread
    change = (after - before).reshape(-1, 3)
    ridge = [_RIDGE[degree] for degree, _ in _terms()]
    correlations = terms.T @ terms / len(terms) + np.diag(ridge)
    weights = np.linalg.solve(correlations, terms.T @ (change - change.mean(0)) / len(terms)) / spread[:, None]
    constant = change.mean(0) - mean @ weights

    def apply(picture: np.ndarray) -> np.ndarray:
        out = picture + constant
        for term, weight in zip(_monomials(picture), weights, strict=True):
            out += term[..., None] * weight
        return out

    return apply


def _share(change: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The share [h, w, 1] in 0..1 of a change of colour [h, w, 3] that comes nearest to the wanted one in windows."""
    along, square = (_box((change * other).sum(-1), _RADIUS) for other in (wanted, change))
    return (along / (square + 1e-6)).clip(0, 1)[..., None]


def _terms() -> Iterator[tuple[int, tuple[int, ...]]]:
    """Degree and channels of each monomial."""
    for degree in _RIDGE:
        for channels in combinations_with_replacement(range(3), degree):
            yield degree, channels


def _monomials(picture: np.ndarray) -> Iterator[np.ndarray]:
    """[H, W] each, of a picture [H, W, 3]."""
    return (np.prod([picture[..., channel] for channel in channels], axis=0) for _, channels in _terms())


def _moments(guide: np.ndarray, target: np.ndarray, radius: int) -> tuple[np.ndarray, ...]:
    """Covariance of the guide [h, w, 3, 3], guide with target [h, w, 3, 3], and both means [h, w, 3], in windows."""
    mean_guide, mean_target = _box(guide, radius), _box(target, radius)
    covariance = np.empty((*guide.shape[:2], 3, 3))
    cross = np.empty_like(covariance)
    for i in range(3):
        for j in range(3):
            covariance[..., i, j] = (
                _box(guide[..., i] * guide[..., j], radius) - mean_guide[..., i] * mean_guide[..., j]
            )
            cross[..., i, j] = _box(guide[..., i] * target[..., j], radius) - mean_guide[..., i] * mean_target[..., j]
    return covariance, cross, mean_guide, mean_target


def _box(values: np.ndarray, radius: int) -> np.ndarray:
    size = 2 * radius + 1
    return cv2.blur(values, (size, size), borderType=cv2.BORDER_REFLECT_101)


def _array(picture: Tensor) -> np.ndarray:
    return np.ascontiguousarray(picture.detach().cpu().double().numpy())
