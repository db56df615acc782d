"""Few numbers, and few sets of numbers, that stand for many."""

from __future__ import annotations

import numpy as np

_ROUNDS = 20


def codebook(values: np.ndarray, count: int = 256) -> np.ndarray:
    """The numbers [count] float32, rising, with the least squared distance to values [M]: k-means in one dimension.

    Sorted values belong to runs, whose means come from running sums. Where there are no more different values than
    numbers, each value is one of them.
    """
    distinct = np.unique(values.astype(np.float32))
    if len(distinct) <= count:
        return np.concatenate([distinct, np.repeat(distinct[-1:], count - len(distinct))])
    ordered = np.sort(values.astype(np.float64))
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    # a part of the numbers by rank and a part by range, so that rare great values are met, too
    ranks = ordered[np.linspace(0, len(ordered) - 1, 3 * count // 4).round().astype(int)]
    numbers = np.sort(np.concatenate([ranks, np.linspace(ordered[0], ordered[-1], count - len(ranks))]))
    for _ in range(_ROUNDS):
        ends = np.searchsorted(ordered, (numbers[1:] + numbers[:-1]) / 2)
        ends = np.concatenate([[0], ends, [len(ordered)]])
        sizes = np.diff(ends)
        numbers = np.where(sizes > 0, np.diff(sums[ends]) / np.maximum(sizes, 1), numbers)
        numbers.sort()
    return numbers.astype(np.float32)


def nearest(numbers: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Which of the rising numbers [256] is nearest to each value: uint8 of the values' shape."""
    return np.searchsorted((numbers[1:] + numbers[:-1]) / 2, values).astype(np.uint8)


def sets_of(vectors: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """At most so many vectors that stand for many.

    Equal vectors are one. Where too many are left, they are halved again and again at the median along the axis in
    which they spread most, and each part is its mean.

    Args:
        vectors: [N, D].
        most: a power of two.

    Returns:
        The vectors [S, D] float32, and which of them stands for each [N].
    """
    distinct, labels = np.unique(vectors.astype(np.float32), axis=0, return_inverse=True)
    labels = labels.reshape(-1)
    if len(distinct) <= most:
        return distinct, labels
    order = np.arange(len(distinct))
    ends = np.array([0, len(distinct)])
    while 2 * (len(ends) - 1) <= most:
        middles = (ends[1:] + ends[:-1]) // 2
        for start, middle, stop in zip(ends[:-1], middles, ends[1:], strict=True):
            part = order[start:stop]
            if len(part) > 1:
                own = distinct[part]
                axis = int(own.var(0).argmax())
                order[start:stop] = part[np.argpartition(own[:, axis], middle - start)]
        ends = np.unique(np.concatenate([ends, middles]))
        if len(ends) > len(distinct):
            break
    which = np.empty(len(distinct), np.int64)
    which[order] = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
    weights = np.bincount(labels, minlength=len(distinct)).astype(np.float64)
    totals = np.bincount(which, weights, minlength=len(ends) - 1)
    means = np.empty((len(ends) - 1, distinct.shape[1]), np.float32)
    for column in range(distinct.shape[1]):
        means[:, column] = np.bincount(which, weights * distinct[:, column], minlength=len(ends) - 1) / totals
    return means, which[labels]
