"""Find faces and number plates: boxes, as sure as small detectors are.

Faces are looked for by mediapipe where it is installed, and always by OpenCV's cascades, frontal and in profile. Number
plates are looked for by OpenCV's cascade alone, which was trained on Russian plates: it finds bright plates of that
shape that are seen from the front, and misses many others. Detectors miss faces that are small, turned or covered, too.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np

from editor3d.host.silence import silenced

Kind = Literal["face", "number plate"]
_CASCADES: tuple[tuple[Kind, str, int, tuple[int, int]], ...] = (
    ("face", "haarcascade_frontalface_alt2.xml", 4, (24, 24)),
    ("face", "haarcascade_profileface.xml", 6, (24, 24)),
    ("number plate", "haarcascade_russian_plate_number.xml", 5, (30, 10)),
)
"""File, detections that have to agree, least size in pixels."""
_SURE = 0.5
"""Of mediapipe's detections, 0..1."""


class Box(NamedTuple):
    """Pixels: the first column and row, and how many."""

    kind: Kind
    left: int
    top: int
    width: int
    height: int


def find(picture: np.ndarray) -> list[Box]:
    """Faces and number plates of a picture [H, W, 3] uint8 RGB; one may be found by several detectors."""
    gray = cv2.equalizeHist(cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY))
    found = [box for box in _mediapipe_faces(picture)]
    for kind, name, agreeing, least in _CASCADES:
        for flipped in (False, True) if "profile" in name else (False,):  # it knows profiles to one side
            looked_at = np.ascontiguousarray(gray[:, ::-1]) if flipped else gray
            for x, y, width, height in _cascade(name).detectMultiScale(looked_at, 1.1, agreeing, minSize=least):
                left = gray.shape[1] - x - width if flipped else x
                found.append(Box(kind, int(left), int(y), int(width), int(height)))
    return found


def _mediapipe_faces(picture: np.ndarray) -> list[Box]:
    if importlib.util.find_spec("mediapipe") is None:
        return []
    with silenced(sys.stderr, 2):  # its runtime writes there
        results = _mediapipe().process(np.ascontiguousarray(picture))
    height, width = picture.shape[:2]
    boxes = []
    for detection in results.detections or ():
        box = detection.location_data.relative_bounding_box
        left, top = round(box.xmin * width), round(box.ymin * height)
        boxes.append(Box("face", left, top, round(box.width * width), round(box.height * height)))
    return boxes


@lru_cache(maxsize=1)
def _mediapipe() -> Any:
    os.environ.setdefault("GLOG_minloglevel", "2")  # its log is for its makers
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import mediapipe

    solutions: Any = mediapipe.solutions
    return solutions.face_detection.FaceDetection(model_selection=1, min_detection_confidence=_SURE)


@lru_cache(maxsize=len(_CASCADES))
def _cascade(name: str) -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / name))
