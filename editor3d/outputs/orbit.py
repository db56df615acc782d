"""A turntable path round what a capture looks at, inside what the capture saw."""

from __future__ import annotations

import numpy as np

FULL_CIRCLE_GAP = np.pi / 2
"""Radians without a camera beyond which the far side counts as unseen, and the path swings instead of going round."""
_PARALLEL = 1e-3
"""Weight of the prior that keeps the look-at point and the up axis defined when all cameras look the same way."""


def orbit_cameras(c2ws: np.ndarray, n_frames: int) -> np.ndarray:
    """A smooth closed camera path derived from training poses.

    The path looks at the point nearest to all viewing axes, and turns about the captured up axis at the median
    distance and height of the cameras. A capture of one side only is not left: the path swings to and fro inside the
    captured sector. Cameras that look outwards (a room seen from its middle) give a path that looks outwards too.

    Args:
        c2ws: training poses [N, 3, 4], OpenGL axes, N >= 1.
        n_frames: at least 1; the frame after the last would be the first again.

    Returns:
        [n_frames, 3, 4] float64, in the frame of `c2ws`. Moving, turning or scaling the capture does the same to
        the path.
    """
    c2ws = np.asarray(c2ws, dtype=np.float64)
    positions, forward = c2ws[:, :, 3], -c2ws[:, :, 2]
    up = up_axis(c2ws)
    center = look_at_point(positions, forward)
    spread = np.sqrt(np.sum((positions - positions.mean(axis=0)) ** 2, axis=1).mean())
    looks_inward = np.median(np.sum((center - positions) * forward, axis=1)) > 0.3 * spread

    offsets = positions - center
    heights = offsets @ up
    flat = offsets - heights[:, None] * up
    height = np.median(heights)
    radius = float(np.median(np.linalg.norm(flat, axis=1)))

    right = c2ws[np.argmin(np.abs(c2ws[:, :, 0] @ up)), :, 0]
    east = right - (right @ up) * up
    east /= np.linalg.norm(east)
    north = np.cross(up, east)
    # Seen from inside, where a camera looks tells its direction better than its small distance from the middle does.
    facing = flat if looks_inward else forward
    angles = _angles(np.arctan2(facing @ north, facing @ east), n_frames)
    outward = np.cos(angles)[:, None] * east + np.sin(angles)[:, None] * north

    if looks_inward:
        # Cameras right above the point they look at leave no radius to turn at.
        eyes = center + max(radius, 0.2 * abs(height)) * outward + height * up
        return look_at(eyes, eyes - center, up)
    pitch = np.median(np.arcsin(np.clip(forward @ up, -0.99, 0.99)))
    return look_at(center + radius * outward + height * up, -np.cos(pitch) * outward - np.sin(pitch) * up, up)


def look_at_point(positions: np.ndarray, forward: np.ndarray) -> np.ndarray:
    """The point nearest to all viewing axes: argmin_p sum_i |(I - f_i f_i^T)(p - o_i)|^2.

    Parallel axes leave its distance open; a weak prior then puts it in front of the cameras, at twice their spread.

    Args:
        positions: [N, 3].
        forward: unit viewing directions [N, 3].

    Returns:
        [3].
    """
    middle = positions.mean(axis=0)
    spread = np.sqrt(np.sum((positions - middle) ** 2, axis=1).mean())
    prior = middle + forward.mean(axis=0) * 2 * (spread if spread > 0 else 1.0)
    projectors = np.eye(3) - forward[:, :, None] * forward[:, None, :]
    matrix = projectors.mean(axis=0) + _PARALLEL * np.eye(3)
    right = np.einsum("nij,nj->ni", projectors, positions).mean(axis=0) + _PARALLEL * prior
    return np.linalg.solve(matrix, right)


def up_axis(c2ws: np.ndarray) -> np.ndarray:
    """The vertical of a capture [3]: the cameras' mean up axis, made level with their horizontal (right) axes.

    Cameras that all look down from one side have up axes that lean; their right axes do not. Solves
    (mean_i x_i x_i^T + w I) u = w mean_i y_i with a small w.

    Args:
        c2ws: [N, 3, 4], OpenGL axes.
    """
    right_axes, up_axes = c2ws[:, :, 0], c2ws[:, :, 1]
    levelling = right_axes.T @ right_axes / len(c2ws) + _PARALLEL * np.eye(3)
    up = np.linalg.solve(levelling, _PARALLEL * up_axes.mean(axis=0))
    length = np.linalg.norm(up)
    return up / length if length > 1e-9 else c2ws[0, :, 1]


def look_at(eyes: np.ndarray, backward: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Poses [N, 3, 4], OpenGL axes, at `eyes` [N, 3] looking along -`backward` [N, 3], level with `up` [3]."""
    z = backward / np.linalg.norm(backward, axis=1, keepdims=True)
    x = np.cross(up, z)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return np.stack([x, np.cross(z, x), z, eyes], axis=2)


def _angles(azimuths: np.ndarray, n_frames: int) -> np.ndarray:
    """Azimuths of the frames [n_frames]: once round, or to and fro inside the sector that the cameras cover."""
    turn = 2 * np.pi * np.arange(n_frames) / n_frames
    ordered = np.sort(azimuths)
    gaps = np.diff(ordered, append=ordered[0] + 2 * np.pi)
    widest = int(np.argmax(gaps))
    if gaps[widest] <= FULL_CIRCLE_GAP:
        return azimuths[0] + turn
    start = ordered[(widest + 1) % len(ordered)]
    half = (2 * np.pi - gaps[widest]) / 2
    return start + half + half * np.sin(turn)
