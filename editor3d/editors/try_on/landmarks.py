"""Landmarks of faces and bodies, and who is in the picture, by mediapipe, whose models come inside its package.

Picture coordinates: (x, y) in pixels, the centre of the top-left pixel at (0.5, 0.5).
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from editor3d.errors import EditorUnavailableError
from editor3d.host.silence import silenced

LEAST_SIDE = 384
"""Smaller pictures are enlarged before a face or a body is looked for."""
OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149,
        150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
"""FaceMesh's points round the face, from the top of the forehead."""
FOREHEAD, CHIN = 10, 152
SHOULDERS, HIPS = (11, 12), (23, 24)
"""Pose's points: the person's left, then right."""


@dataclass(frozen=True, eq=False)
class Body:
    """A body's landmarks."""

    points: np.ndarray
    """[33, 2] pixels."""
    visible: np.ndarray
    """[33] 0..1."""
    share: np.ndarray
    """[H, W] float32 in 0..1, how sure it is that a pixel shows this body."""


def available() -> bool:
    """Whether mediapipe is installed; imports nothing."""
    return importlib.util.find_spec("mediapipe") is not None


def require() -> None:
    """
    Raises:
        EditorUnavailableError: mediapipe is not installed.
    """
    if not available():
        raise EditorUnavailableError(
            "Finding a person in pictures needs mediapipe, which is not installed: run `pip install --no-deps "
            "mediapipe==0.10.9`, or give the data label pictures that name the object 'garment'."
        )


@lru_cache(maxsize=1)
def _solutions() -> Any:
    require()
    os.environ.setdefault("GLOG_minloglevel", "2")  # its log is for its makers
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import mediapipe

    return mediapipe.solutions


@lru_cache(maxsize=1)
def _face_mesh() -> Any:
    return _solutions().face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1, min_detection_confidence=0.4)


@lru_cache(maxsize=1)
def _pose() -> Any:
    return _solutions().pose.Pose(
        static_image_mode=True, model_complexity=1, min_detection_confidence=0.5, enable_segmentation=True
    )


@lru_cache(maxsize=1)
def _selfie() -> Any:
    return _solutions().selfie_segmentation.SelfieSegmentation(model_selection=0)


def _ask(model: Callable[[], Any], picture: np.ndarray) -> Any:
    """What a model finds in a picture [H, W, 3] uint8."""
    require()
    with silenced(sys.stderr, 2):  # its runtime writes there
        return model().process(_enlarged(picture))


def face_landmarks(picture: np.ndarray) -> np.ndarray | None:
    """The 468 points of FaceMesh, [468, 2] pixels; None where no face is seen.

    Args:
        picture: [H, W, 3] uint8.

    Raises:
        EditorUnavailableError: mediapipe is not installed.
    """
    found = _ask(_face_mesh, picture).multi_face_landmarks
    if not found:
        return None
    size = picture.shape[1], picture.shape[0]
    return np.array([(point.x, point.y) for point in found[0].landmark]) * size


def body_landmarks(picture: np.ndarray) -> Body | None:
    """The 33 points of Pose; None where no person is seen.

    Raises:
        EditorUnavailableError: mediapipe is not installed.
    """
    answer = _ask(_pose, picture)
    found = answer.pose_landmarks
    if found is None:
        return None
    points = np.array([(point.x, point.y, point.visibility) for point in found.landmark])
    size = picture.shape[1], picture.shape[0]
    share = cv2.resize(answer.segmentation_mask, size, interpolation=cv2.INTER_LINEAR).clip(0.0, 1.0)
    return Body(points[:, :2] * size, points[:, 2], share)


def person_share(picture: np.ndarray) -> np.ndarray:
    """How sure it is that a pixel shows a person: [H, W] float32 in 0..1.

    Raises:
        EditorUnavailableError: mediapipe is not installed.
    """
    share = _ask(_selfie, picture).segmentation_mask
    size = picture.shape[1], picture.shape[0]
    return cv2.resize(share, size, interpolation=cv2.INTER_LINEAR).clip(0.0, 1.0)


def hull_mask(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """The pixels whose centre lies in the convex hull of points [N, 2]: [H, W] bool."""
    mask = np.zeros((height, width), np.uint8)
    hull = cv2.convexHull((points - 0.5).astype(np.float32))
    cv2.fillConvexPoly(mask, np.round(hull).astype(np.int32), (1,))
    return mask.astype(bool)


def _enlarged(picture: np.ndarray) -> np.ndarray:
    factor = LEAST_SIDE / min(picture.shape[:2])
    if factor <= 1.0:
        return np.ascontiguousarray(picture)
    return cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
