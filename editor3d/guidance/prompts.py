"""View-dependent prompts: the words for the side that a view shows (DreamFusion, Vox-E)."""

from __future__ import annotations

import numpy as np

OVERHEAD_DEGREES = 60.0
"""Elevation from which a view is one from above."""
FRONT_DEGREES = 45.0
"""Azimuth on either side of the front, and of the back, that still counts as it."""


def view_suffix(azimuth: float, elevation: float) -> str:
    """`", front view"`, `", side view"`, `", back view"` or `", overhead view"`.

    Args:
        azimuth: degrees about the up axis from the front, any number of turns.
        elevation: degrees above the horizontal plane through what is looked at.
    """
    if elevation > OVERHEAD_DEGREES:
        return ", overhead view"
    away = abs((azimuth + 180.0) % 360.0 - 180.0)
    if away <= FRONT_DEGREES:
        return ", front view"
    return ", back view" if away >= 180.0 - FRONT_DEGREES else ", side view"


def view_prompt(prompt: str, azimuth: float, elevation: float) -> str:
    """A prompt with the suffix of its view; angles as for `view_suffix`."""
    return prompt.rstrip(" .,") + view_suffix(azimuth, elevation)


def camera_angles(c2w: np.ndarray, center: np.ndarray, front: np.ndarray, up: np.ndarray) -> tuple[float, float]:
    """Where a camera stands around a point.

    Args:
        c2w: [3, 4] or [4, 4], camera to world.
        center: [3], what is looked at.
        front: [3], from the centre towards where its front is seen from; need not be orthogonal to `up`.
        up: [3], away from the ground.

    Returns:
        Azimuth in degrees from the front, in -180..180, counter-clockwise seen from above; elevation in degrees.
    """
    up = np.asarray(up, dtype=np.float64) / np.linalg.norm(up)
    ahead = np.asarray(front, dtype=np.float64) - np.dot(front, up) * up
    ahead /= np.linalg.norm(ahead)
    left = np.cross(up, ahead)
    offset = np.asarray(c2w, dtype=np.float64)[:3, 3] - np.asarray(center, dtype=np.float64)
    height, depth, side = offset @ up, offset @ ahead, offset @ left
    return float(np.degrees(np.arctan2(side, depth))), float(np.degrees(np.arctan2(height, np.hypot(depth, side))))
