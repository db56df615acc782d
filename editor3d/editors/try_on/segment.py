"""Find the pixels of a person's garment and face."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from editor3d.editors.try_on import landmarks

GARMENT_NAMES = ("garment", "shirt", "top", "upper", "sweater", "jacket", "jumper", "blouse", "dress", "coat")
FACE_NAMES = ("face", "head")
ARM_NAMES = ("arms", "arm", "hands")
_PERSON = 0.5
_LEAST_PIXELS = 60
"""Fewer pixels tell nothing of a colour."""
NOTHING, GARMENT, SKIN, BEARD, HAIR = range(5)


@dataclass(frozen=True, eq=False)
class Parts:
    """A person's parts in one picture, [H, W] bool each."""

    garment: np.ndarray
    """What is worn above the waist, as far as it is seen."""
    face: np.ndarray
    """The hull of the face's landmarks, or the data's mask of it."""
    arms: np.ndarray
    """Bare arms, where the data tells them; what may hide the garment."""
    face_height: float | None = None
    """From forehead to chin, pixels; None where no face is seen."""
    neck: tuple[float, float] | None = None
    """Middle of the neck's foot, pixels; None where no landmarks tell."""


def name_among(objects: Collection[str], names: Collection[str]) -> str | None:
    """The first of `names` that the data has masks of."""
    return next((name for name in names if name in objects), None)


def labelled(objects: Collection[str]) -> bool:
    """Whether the data's masks name a garment."""
    return name_among(objects, GARMENT_NAMES) is not None


def parts_of(picture: Tensor, objects: Mapping[str, Tensor]) -> Parts | None:
    """Find a person's parts: in the data's masks where they name a garment, by mediapipe's models otherwise.

    Args:
        picture: [H, W, 3] in 0..1.
        objects: masks of the data's objects.

    Returns:
        None where nobody is seen.

    Raises:
        EditorUnavailableError: the data names no garment, and mediapipe is not installed.
    """
    pixels = np.ascontiguousarray((picture.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8).numpy())
    garment = name_among(objects, GARMENT_NAMES)
    if garment is not None:
        return _from_data(pixels, objects, garment)
    return _from_models(pixels)


def _from_data(pixels: np.ndarray, objects: Mapping[str, Tensor], garment: str) -> Parts:
    nothing = np.zeros(pixels.shape[:2], bool)

    def mask(names: Collection[str]) -> np.ndarray:
        name = name_among(objects, names)
        return nothing if name is None else objects[name].cpu().numpy()

    face = mask(FACE_NAMES)
    rows = np.nonzero(face.any(1))[0]
    height = float(rows[-1] - rows[0] + 1) if len(rows) else None
    return Parts(objects[garment].cpu().numpy(), face, mask(ARM_NAMES), height)


def _from_models(pixels: np.ndarray) -> Parts | None:
    height, width = pixels.shape[:2]
    face, body = landmarks.face_landmarks(pixels), landmarks.body_landmarks(pixels)
    if face is None and body is None:
        return None
    person = landmarks.person_share(pixels) > _PERSON
    if body is not None:
        person |= body.share > _PERSON
    if person.mean() < 0.01:
        return None
    if face is not None:
        hull = landmarks.hull_mask(face, height, width)
        chin, forehead = face[landmarks.CHIN], face[landmarks.FOREHEAD]
        size = float(np.linalg.norm(chin - forehead))
    else:
        assert body is not None  # one of them is there
        hull = np.zeros((height, width), bool)
        mouth, shoulders = body.points[[9, 10]].mean(0), body.points[list(landmarks.SHOULDERS)].mean(0)
        chin, size = mouth + 0.35 * (shoulders - mouth), float(np.linalg.norm(shoulders - mouth)) * 1.2
        forehead = chin - [0.0, size]
    across, along = _head_frame(height, width, forehead, chin)
    kinds = _kinds(pixels, person, hull, across, along)
    garment = _cleaned((kinds == GARMENT) & (along > -0.35))
    if garment.sum() < _LEAST_PIXELS:
        garment[:] = False
    arms = (kinds == SKIN) & (along > 0.8)
    rows = np.nonzero((garment & (np.abs(across) < 0.5)).any(1))[0]
    middle = chin[0]
    if body is not None and body.visible[list(landmarks.SHOULDERS)].min() > 0.5:  # a chin is before the trunk
        middle = body.points[list(landmarks.SHOULDERS), 0].mean()
    neck = (float(middle), float(rows[0]) if len(rows) else float(chin[1] + 0.4 * size))
    return Parts(garment, hull, arms, size, neck)


def _head_frame(height: int, width: int, forehead: np.ndarray, chin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates in units of the face's height, [H, W] each: across the head and along it, (0, 0) at the chin."""
    y, x = np.mgrid[:height, :width] + 0.5
    down = (chin - forehead) / (chin - forehead).dot(chin - forehead)
    dx, dy = x - chin[0], y - chin[1]
    return dx * down[1] - dy * down[0], dx * down[0] + dy * down[1]


def _kinds(
    pixels: np.ndarray, person: np.ndarray, hull: np.ndarray, across: np.ndarray, along: np.ndarray
) -> np.ndarray:
    """What each pixel of a person shows, by the colours of places where that is sure: [H, W] uint8.

    A pixel is of the kind whose colours are nearest; a neck is more likely to be skin and what is far from it cloth.
    """
    smooth = cv2.bilateralFilter(pixels, 9, 30, 5)
    lab = cv2.cvtColor(smooth.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB) * np.array([0.6, 1.0, 1.0], np.float32)
    wide = np.abs(across)
    inner = cv2.erode(hull.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
    sure = {
        SKIN: person & inner & (along > -0.85) & (along < -0.35),
        BEARD: person & inner & (along > -0.35),
        HAIR: person & ~hull & (along < -0.25) & ((along < -1.05) | (wide > 0.45)),
        GARMENT: person & (along > 0.42) & (wide > 0.30),
    }
    if sure[GARMENT].sum() < _LEAST_PIXELS:
        sure[GARMENT] = person & (along > 0.15) & (wide > 0.30)
    found = np.full(person.shape, NOTHING, np.uint8)
    if sure[GARMENT].sum() < _LEAST_PIXELS:
        return found
    candidates = person & ~hull & (along > -0.40)
    colors = lab[candidates]
    neck = (wide < 0.45) & (along < 0.75)
    best = np.full(len(colors), np.inf, np.float32)
    kinds = np.full(len(colors), GARMENT, np.uint8)
    bias = {
        SKIN: np.where(neck, 0.8, 3.0)[candidates],
        BEARD: np.where((wide < 0.42) & (along < 0.40), 0.7, 9.0)[candidates],
        HAIR: np.where((along < 0.15) & (wide < 0.50), 1.0, 3.0)[candidates],
        GARMENT: np.where(along > -0.05, 1.0, 1.4)[candidates],
    }
    for kind, place in sure.items():
        if place.sum() < _LEAST_PIXELS:
            continue
        distance = np.min([np.linalg.norm(colors - c, axis=1) for c in _palette(lab[place])], axis=0) + 2.0
        nearer = distance * bias[kind] < best
        best, kinds = np.where(nearer, distance * bias[kind], best), np.where(nearer, np.uint8(kind), kinds)
    found[candidates] = kinds
    return cv2.medianBlur(found, 7)


def _palette(colors: np.ndarray, count: int = 4) -> np.ndarray:
    """The main colours among [N, 3]."""
    step = max(1, len(colors) // 4000)
    cv2.setRNGSeed(0)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    chosen = np.ascontiguousarray(colors[::step])
    labels = np.empty((len(chosen), 1), np.int32)
    return cv2.kmeans(chosen, count, labels, criteria, 1, cv2.KMEANS_PP_CENTERS)[2]


def _cleaned(mask: np.ndarray) -> np.ndarray:
    """A mask without crumbs and holes, [H, W] bool."""
    found = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    found = cv2.morphologyEx(found, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found)
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = [i + 1 for i, area in enumerate(areas) if area > 0.08 * areas.max()]
    found = np.isin(labels, kept)
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~found).astype(np.uint8))
    small = [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] < 0.01 * found.sum()]
    return found | np.isin(labels, small)
