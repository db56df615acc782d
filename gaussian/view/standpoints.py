"""Propose cameras for a scene of splats: around it, inside it, or in front of it."""

from __future__ import annotations

import math

import numpy as np

from editor3d.outputs.orbit import look_at
from gaussian.view.content import Content

_LOWEST, _HIGHEST = -8.0, 68.0
"""Degrees above the horizon that cameras round something stand at."""
_GOLDEN = 0.6180339887498949
_ASIDE = 0.35
"""Of the radius, how far every other camera at most looks beside the centre, to show what is round it."""
_INSIDE_TRIES, _INSIDE_PLACES = 400, 20
_INSIDE_PITCHES = (-20.0, 5.0, -40.0, 25.0)
_INSIDE_LEAST = 8
_ROOMY = 0.12  # of the radius: how far detail is at least from cameras inside
ENCLOSED = 0.78
"""Share of all directions in which detail is seen from inside a room, with or without a ceiling."""
_STEEPEST_CONE = math.radians(42)


def round_about(
    content: Content, centre: np.ndarray, distances: np.ndarray, up: np.ndarray, count: int, aside: bool = True
) -> np.ndarray:
    """Cameras round a place that look at it, every other one a little beside it.

    Args:
        centre: [3].
        distances: taken in turn, scene units.
        up: [3], unit.

    Returns:
        [count, 3, 4], OpenGL axes.
    """
    index = np.arange(count) + 0.5
    low, high = math.sin(math.radians(_LOWEST)), math.sin(math.radians(_HIGHEST))
    height = low + (high - low) * ((index * _GOLDEN) % 1)
    azimuth = 2 * math.pi * ((index * math.sqrt(2)) % 1)
    outward = _direction(azimuth, height, up)
    far = np.asarray(distances)[np.arange(count) % len(distances)]
    eyes = centre + far[:, None] * outward
    targets = np.tile(centre, (count, 1))
    if aside:
        rng = np.random.default_rng(0)
        shift = rng.normal(size=(count, 3))
        shift /= np.linalg.norm(shift, axis=1, keepdims=True)
        targets += (
            shift * (_ASIDE * content.radius * (np.arange(count) // len(distances) % 2) * rng.random(count))[:, None]
        )
    return look_at(eyes, eyes - targets, up)


def ring(centre: np.ndarray, distance: float, up: np.ndarray) -> np.ndarray:
    """Cameras all round a place at the height of people that look at it: [20, 3, 4]."""
    azimuth = 2 * math.pi * np.arange(20) / 20
    outward = _direction(azimuth, np.sin(np.radians(20.0 * (np.arange(20) % 2))), up)
    return look_at(centre + distance * outward, outward, up)


def elevations(poses: np.ndarray, centre: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Degrees [C] above the horizon at which cameras stand, as seen from a place."""
    offsets = poses[:, :, 3] - centre
    sine = offsets @ up / np.maximum(np.linalg.norm(offsets, axis=1), 1e-12)
    return np.degrees(np.arcsin(np.clip(sine, -1, 1)))


def within(content: Content, centre: np.ndarray, up: np.ndarray, count: int) -> np.ndarray:
    """Cameras in the free space inside a scene that encloses them, which look around: [about count, 3, 4], or none."""
    rng = np.random.default_rng(0)
    detail = content.places[content.detailed]
    reach = np.quantile(np.abs(detail - centre), 0.9, axis=0)
    tried = centre + (2 * rng.random((_INSIDE_TRIES, 3)) - 1) * reach
    clear = content.clearance(tried)
    roomy = clear > _ROOMY * content.radius
    tried, clear = tried[roomy], clear[roomy]
    good = np.array([content.enclosure(place) for place in tried]) >= ENCLOSED
    places = tried[good]
    if len(places) < _INSIDE_LEAST:
        return np.empty((0, 3, 4))
    chosen = [int(clear[good].argmax())]
    for _ in range(min(_INSIDE_PLACES, len(places)) - 1):  # each as far as can be from those before
        gap = np.linalg.norm(places[:, None] - places[chosen], axis=2).min(1)
        chosen.append(int(gap.argmax()))
    places = places[chosen]
    each = max(1, round(count / len(places)))
    index = np.arange(each * len(places))
    azimuth = 2 * math.pi * ((index % each) / each + _GOLDEN * (index // each))
    pitch = np.radians(np.array(_INSIDE_PITCHES)[(index + index // each) % len(_INSIDE_PITCHES)])
    return look_at(places[index // each], -_direction(azimuth, np.sin(pitch), up), up)


def before(content: Content, apex: np.ndarray, up: np.ndarray, count: int) -> np.ndarray:
    """Cameras about the point from which a scene spreads out like a cone, that look into it: [count, 3, 4]."""
    offsets = content.places - apex
    far = np.linalg.norm(offsets, axis=1)
    axis = cone_axis(content, apex)
    near, middle = np.quantile(far, 0.05), np.quantile(far, 0.5)
    east = np.cross(axis, up)
    east = east / np.linalg.norm(east) if np.linalg.norm(east) > 1e-6 else level_axes(axis)[0]
    north = np.cross(east, axis)
    index = np.arange(count) + 0.5
    angle, reach = 2 * math.pi * ((index * _GOLDEN) % 1), np.sqrt(index / count) * 0.35 * near
    eyes = apex + reach[:, None] * (np.cos(angle)[:, None] * east + np.sin(angle)[:, None] * north)
    gaze = 2 * math.pi * ((index * math.sqrt(2)) % 1)
    aside = 0.2 * middle * ((index * math.sqrt(3)) % 1)
    targets = apex + middle * axis + aside[:, None] * (np.cos(gaze)[:, None] * east + np.sin(gaze)[:, None] * north)
    return look_at(eyes, eyes - targets, north)


def cone_axis(content: Content, apex: np.ndarray) -> np.ndarray:
    """The middle direction [3] of what is seen from a point."""
    offsets = content.places - apex
    mean = (offsets / np.maximum(np.linalg.norm(offsets, axis=1, keepdims=True), 1e-12)).mean(0)
    return mean / max(float(np.linalg.norm(mean)), 1e-12)


def apex_of(content: Content) -> np.ndarray | None:
    """The point from which a scene was captured that lies before it like a stage; None where there is no such.

    Files of such scenes keep the cameras about the origin. From there all lies within a cone, near and far, nothing
    right before it, and the farther the larger.
    """
    apex = np.zeros(3)
    far = np.linalg.norm(content.places - apex, axis=1)
    axis = cone_axis(content, apex)
    angles = np.arccos(np.clip((content.places - apex) @ axis / np.maximum(far, 1e-12), -1, 1))
    widest, first, last = np.quantile(angles, 0.95), np.quantile(far, 0.05), np.quantile(far, 0.95)
    if widest > _STEEPEST_CONE or last < 2.2 * first or far.min() < 0.2 * first:
        return None
    if widest < math.radians(12):  # something far away, at which nobody stood here
        return None
    return apex


def _direction(azimuth: np.ndarray, height: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Unit vectors [C, 3] of azimuths [C] in radians and heights [C], the sines of elevations."""
    east, north = level_axes(up)
    flat = np.sqrt(np.maximum(1 - height**2, 0))[:, None]
    return flat * (np.cos(azimuth)[:, None] * east + np.sin(azimuth)[:, None] * north) + height[:, None] * up


def level_axes(up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors [3] at right angles to `up` and to each other."""
    east = np.cross(up, [1.0, 0.0, 0.0] if abs(up[0]) < 0.9 else [0.0, 1.0, 0.0])
    east /= np.linalg.norm(east)
    return east, np.cross(up, east)
