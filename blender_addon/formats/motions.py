# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""How points were moved: Blender moves positions, and leaves sizes, turns and harmonics that belong to them behind
(where objects are joined, a transform is applied, a selection is turned in edit mode). From where points were and
where they are the motions follow. Knows arrays of numpy, not Blender."""

import numpy as np

MOST = 16
"""Motions that one piece is taken apart into; what is left over is only moved."""
_SAMPLES, _TRIES = 3, 60


def pieces(index):
    """Slices of points that came in together: their numbers `index` [N] grow within one; copies are put at the end."""
    starts = np.flatnonzero(np.diff(index) <= 0) + 1
    ends = [0, *starts.tolist(), len(index)]
    return [slice(low, high) for low, high in zip(ends, ends[1:]) if high > low]  # noqa: B905 neighbours


def fit(before, after):
    """The similarity that takes points [N, 3] to others best (Umeyama, 1991): s R [3, 3], and what is then added [3].

    None where the points do not settle one: fewer than three, or all on a line.
    """
    if len(before) < 3:
        return None
    middle, other = before.mean(0), after.mean(0)
    a, b = before - middle, after - other
    u, values, v = np.linalg.svd(b.T @ a)
    spread = float((a * a).sum())
    if spread <= 0.0 or values[1] <= 1e-9 * max(values[0], 1e-30):
        return None
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ v)) or 1.0])
    linear = (u * signs) @ v * ((values * signs).sum() / spread)
    return linear, other - linear @ middle


def found(before, after, generator=None):
    """Motions of one piece: (linear [3, 3], which [N] bool), disjoint; points in none of them are only moved.

    Points that did not move at all, or that kept their turn and size, are in none either.

    Args:
        before, after: [N, 3].
    """
    generator = generator or np.random.default_rng(0)
    before, after = np.asarray(before, np.float64), np.asarray(after, np.float64)
    size = max(float(np.ptp(before, axis=0).max()), float(np.ptp(after, axis=0).max()), 1e-12)
    far = max(np.abs(before).max(), np.abs(after).max(), size)
    # positions are kept in 32 bits, and edits in Blender round in 32 bits a few times
    near = max(2e-6 * size, 1e-6 * far)
    left = np.flatnonzero((before != after).any(1))
    motions = []
    while len(left) >= _SAMPLES and len(motions) < MOST:
        best = _largest(before[left], after[left], near, generator)
        if best is None:
            break
        linear, inside = best
        which = np.zeros(len(before), bool)
        which[left[inside]] = True
        if np.abs(linear - np.eye(3)).max() > 4.0 * near / size:  # else they were moved along, and keep their bits
            motions.append((linear, which))
        left = left[~inside]
    return motions


def _largest(before, after, near, generator):
    """The motion that most points agree with, refitted to these; None where fewer than four agree."""
    whole = fit(before, after)
    if whole is not None:
        inside = _agrees(before, after, whole, near)
        if inside.all():
            return whole[0], inside
    best = None
    probe = np.arange(len(before)) if len(before) <= 4000 else generator.choice(len(before), 4000, replace=False)
    for _ in range(_TRIES):
        # neighbours in the table are more often moved together than any two points
        start = int(generator.integers(len(before)))
        close = (start + generator.integers(1, min(64, len(before)), _SAMPLES)) % len(before)
        motion = fit(before[close], after[close])
        if motion is None:
            continue
        count = int(_agrees(before[probe], after[probe], motion, 20.0 * near).sum())
        if best is None or count > best[0]:
            best = (count, motion)
    if best is None:
        return None
    motion = best[1]
    for width in (20.0, 6.0, 2.0, 1.0):
        inside = _agrees(before, after, motion, width * near)
        if inside.sum() < 4:
            return None
        refitted = fit(before[inside], after[inside])
        if refitted is None:
            return None
        motion = refitted
    inside = _agrees(before, after, motion, near)
    return (motion[0], inside) if inside.sum() >= 4 else None


def _agrees(before, after, motion, near):
    linear, offset = motion
    return (np.abs(before @ linear.T + offset - after) <= near).all(1)
