"""Warp a garment's picture onto a person: where each pixel of the person lies on the garment.

Both are described by the same coordinates: s across the trunk, -1 at its left edge in the picture and 1 at its right
one, and t along it, 0 at the foot of the neck and 1 at the hem. Sleeves lie beyond s = -1 and 1. On the person a
thin-plate spline through points of the silhouette gives (s, t) at every pixel. A trunk is round: what the camera sees
of it at s is, for a person who is turned, another part of the garment than at s of the garment's own picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import distance_transform_edt, gaussian_filter1d, map_coordinates

FLATNESS = 0.68
"""Depth of a trunk over its width."""
_ROWS = 9
"""Rows of the silhouette that the spline goes through."""
_HEM_POINTS = 11
_EDGE = 0.80
"""A garment's picture shows, farther out than this, what goes on round the back."""
FACES_WIDE, FACES_LONG = 2.05, 2.9
"""A trunk's width and a top's length, in heights of the face."""


@dataclass(frozen=True, eq=False)
class Trunk:
    """Where the trunk of a garment lies in a picture, pixels."""

    top: float
    """y of the foot of the neck."""
    bottom: float
    """y of the hem, which may lie below the picture."""
    rows: np.ndarray
    """[R] y, rising."""
    left: np.ndarray
    """[R] x of the trunk's left edge at those rows."""
    right: np.ndarray
    """[R] and of its right one."""
    hem: np.ndarray
    """[K, 2] points (x, y) of the hem, which waves; none where it is out of the picture."""

    def coordinates(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(s, t) of points, by straight lines between the rows."""
        left, right = np.interp(y, self.rows, self.left), np.interp(y, self.rows, self.right)
        return (2.0 * x - left - right) / np.maximum(right - left, 1.0), (y - self.top) / (self.bottom - self.top)

    def place(self, s: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The points (x, y) of coordinates."""
        y = self.top + t * (self.bottom - self.top)
        left, right = np.interp(y, self.rows, self.left), np.interp(y, self.rows, self.right)
        return 0.5 * (left + right + s * (right - left)), y


def garment_trunk(mask: np.ndarray) -> Trunk:
    """The trunk of a garment that hangs or lies alone.

    Args:
        mask: [H, W] bool, where it is.
    """
    return _trunk(mask, hidden=np.zeros_like(mask))


def person_trunk(
    mask: np.ndarray,
    hidden: np.ndarray,
    face_height: float | None = None,
    neck: tuple[float, float] | None = None,
    turn: float | None = None,
) -> Trunk:
    """The trunk of a garment that a person wears.

    Args:
        mask: [H, W] bool, where the garment is seen.
        hidden: [H, W] bool, what may hide it: arms.
        face_height: pixels from forehead to chin. Where the picture ends above the hem it says how long the garment is.
        neck: the foot of the neck, pixels, where landmarks tell.
        turn: radians; see `unrolled`.
    """
    cut_off = bool(mask[-2:].any())
    if not cut_off:
        return _trunk(mask, hidden)
    return _cropped_trunk(mask, face_height, neck, 0.0 if turn is None else turn)


def _trunk(mask: np.ndarray, hidden: np.ndarray) -> Trunk:
    """The trunk of a garment that is in the picture down to the hem."""
    ys = np.nonzero(mask.any(1))[0]
    top, bottom = float(ys[0]), float(ys[-1] + 1)
    rows = np.arange(ys[0], ys[-1] + 1)
    first, last = _edges(mask, rows)
    # below the sleeves the silhouette is the trunk; above, its edges go straight up
    lower = (rows > top + 0.62 * (bottom - top)) & (rows < bottom - 0.04 * (bottom - top))
    left, right = first.copy(), last.copy()
    covered_left, covered_right = _beside(hidden, rows, first, -1), _beside(hidden, rows, last, 1)
    _straighten(left, lower & ~covered_left, lower, rows)
    _straighten(right, lower & ~covered_right, lower, rows)
    left, right = _smoothed(left), _smoothed(right + 1.0)
    return Trunk(top, bottom, rows + 0.5, left, right, _hem(mask, hidden, left[-1], right[-1]))


def _hem(mask: np.ndarray, hidden: np.ndarray, left: float, right: float) -> np.ndarray:
    """Points along the lower end of a mask between two columns, but for those that something hides."""
    height, width = mask.shape
    columns = np.linspace(left + 1, right - 2, _HEM_POINTS).round().astype(int).clip(0, width - 1)
    last = height - mask[::-1, columns].argmax(0)
    held = mask[:, columns].any(0)
    below = hidden[np.minimum(last + 1, height - 1), columns]
    typical = np.median(last[held & ~below]) if (held & ~below).any() else 0
    good = held & ~below & (np.abs(last - typical) < 0.12 * height)
    return np.stack([columns[good] + 0.5, last[good].astype(float)], -1)


def _edges(mask: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and last pixel of a mask in each of its rows; rows without any take their neighbours'."""
    inside = mask[rows]
    held = inside.any(1)
    first = np.where(held, inside.argmax(1), 0).astype(float)
    last = np.where(held, inside.shape[1] - 1 - inside[:, ::-1].argmax(1), 0).astype(float)
    return np.interp(rows, rows[held], first[held]), np.interp(rows, rows[held], last[held])


def _beside(hidden: np.ndarray, rows: np.ndarray, edge: np.ndarray, side: int) -> np.ndarray:
    """Rows at which something hides what lies beyond an edge: [R] bool."""
    width = hidden.shape[1]
    reach = max(2, width // 100)
    columns = np.clip(edge[:, None].astype(int) + side * np.arange(1, reach + 1), 0, width - 1)
    return hidden[rows[:, None], columns].mean(1) > 0.5


def _straighten(edge: np.ndarray, trusted: np.ndarray, lower: np.ndarray, rows: np.ndarray) -> None:
    """Keep an edge where it is trusted; elsewhere among the lower rows join those, and above them go straight up."""
    if trusted.sum() < 3:
        trusted = lower
    if trusted.sum() < 3:
        return
    known = edge[trusted].copy()
    edge[:] = np.interp(rows, rows[trusted], known)
    upper = rows < rows[trusted][0]
    edge[upper] = np.median(known[: max(3, len(known) // 2)])


def _smoothed(edge: np.ndarray) -> np.ndarray:
    return gaussian_filter1d(edge, max(1.0, 0.03 * len(edge)), mode="nearest")


def _cropped_trunk(mask: np.ndarray, face_height: float | None, neck: tuple[float, float] | None, turn: float) -> Trunk:
    """The trunk of a garment of which only neck and shoulders are in the picture."""
    ys = np.nonzero(mask.any(1))[0]
    rows = np.arange(ys[0], mask.shape[0])
    first, last = _edges(mask, rows)
    if neck is None:
        neck = (0.5 * float(first[0] + last[0]), float(ys[0]))
    if face_height is None:  # shoulders are about as wide as two faces are high
        face_height = float(np.max(last - first)) / (FACES_WIDE + 0.45)
    half = 0.5 * FACES_WIDE * face_height * np.hypot(np.cos(turn), FLATNESS * np.sin(turn))
    edge = np.full(len(rows), neck[0])
    return Trunk(neck[1], neck[1] + FACES_LONG * face_height, rows + 0.5, edge - half, edge + half, np.zeros((0, 2)))


def spline_coordinates(trunk: Trunk, height: int, width: int, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(s, t) at the pixels of a mask, by a thin-plate spline through the trunk's edges, axis and hem.

    Args:
        mask: [H, W] bool, with N pixels.

    Returns:
        [N] each, in the order of `mask`'s pixels.
    """
    y = np.linspace(trunk.rows[0], trunk.rows[-1], _ROWS)
    left, right = np.interp(y, trunk.rows, trunk.left), np.interp(y, trunk.rows, trunk.right)
    points = np.concatenate([np.stack([x, y], -1) for x in (left, 0.5 * (left + right), right)])
    if len(trunk.hem):  # whose waves say better where the garment ends than a straight line does
        points = points[points[:, 1] < trunk.hem[:, 1].min() - 0.08 * (trunk.bottom - trunk.top)]
    s, t = trunk.coordinates(points[:, 0], points[:, 1])
    if len(trunk.hem):
        across, _ = trunk.coordinates(trunk.hem[:, 0], trunk.hem[:, 1])
        points, s, t = np.concatenate([points, trunk.hem]), np.append(s, across), np.append(t, np.ones(len(across)))
    scale = float(max(height, width))
    spline = RBFInterpolator(points / scale, np.stack([s, t], -1), kernel="thin_plate_spline", smoothing=1e-5)
    rows, columns = np.nonzero(mask)
    found = spline((np.stack([columns, rows], -1) + 0.5) / scale)
    return found[:, 0], found[:, 1]


def unrolled(s: np.ndarray, turn: float | None) -> np.ndarray:
    """Where on a garment's picture lies what is seen at `s` of a trunk that is turned by an angle.

    The trunk is a cylinder over an ellipse, x = sin(p), depth = f cos(p). From an angle `turn` a point p is seen at
    s = sin(p + d), tan d = f tan(turn). Its back, which the garment's picture does not show, is taken to look like the
    picture's outer parts. What lies beyond the trunk, sleeves, stays beyond.

    Args:
        s: [N].
        turn: radians; 0 is straight in front, positive where the camera stands on the person's left.

    Returns:
        [N], s on the garment's picture.
    """
    if turn is None:
        return s
    inside = np.clip(s, -1.0, 1.0)
    beyond = s - inside
    # the person's left is at the picture's right, and comes towards a camera on that side
    shift = np.arctan2(FLATNESS * np.sin(turn), np.cos(turn))
    angle = np.arcsin(inside) + shift
    front = np.sin(angle)
    behind = np.cos(angle) < 0.0
    away = np.sign(front) + (front == 0)
    front = np.where(behind, away * (_EDGE + (1.0 - _EDGE) * np.abs(front)), front)
    return front + np.where(np.sign(beyond) == away, beyond, -beyond)


def sample(picture: np.ndarray, mask: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A garment's colours at points, [N, 3]; beyond its edge those of the edge.

    Args:
        picture: [H, W, 3].
        mask: [H, W] bool.
        x, y: [N] pixels.
    """
    # a rim of half-covered pixels is not cloth
    inner = np.asarray(distance_transform_edt(mask)) > max(1.5, 0.004 * max(mask.shape))
    nearest = np.asarray(distance_transform_edt(~inner, return_distances=False, return_indices=True))
    filled = picture[nearest[0], nearest[1]]
    at = np.stack([y - 0.5, x - 0.5])
    return np.stack([map_coordinates(filled[..., c], at, order=1, mode="nearest") for c in range(3)], -1)
