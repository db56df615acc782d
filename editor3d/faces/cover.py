"""Cover faces and number plates by blur, and put their detail back into an edit of the covered picture.

Inside an ellipse round each box the picture is averaged over blocks of a quarter of the box, then blurred: at most
about four by four colours are left of a face. The edit of the covered picture gets back what was taken away,

    edit * (picture + e) / (covered + e),    e = 1/50, the quotient within 1/4 .. 4:

the face is that of the photograph, in the edit's light and colour. Where an edit moves a head, or paints something over
it, that detail lies wrong; such edits need the face to be sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from editor3d.faces.find import Box, find

_GROWN = 0.25
"""By how much of its size a box is grown on every side: detectors give the face without hair and chin."""
_BLOCKS = 4
_LEAST, _MOST = 1 / 50, 4.0


@dataclass(frozen=True, eq=False)
class Covered:
    """A picture without its faces and number plates."""

    picture: np.ndarray
    """[H, W, 3] float32 in 0..1."""
    detail: np.ndarray
    """[H, W, 3] float32: what was taken away, as a factor; 1 where nothing was."""
    boxes: tuple[Box, ...]
    """What was found."""

    def restored(self, edited: np.ndarray) -> np.ndarray:
        """An edit [H, W, 3] in 0..1 of the covered picture, with what was taken away put back."""
        return np.clip(edited * self.detail, 0.0, 1.0).astype(np.float32)

    @property
    def said(self) -> str:
        """What is covered, in words: "2 faces and 1 number plate"; empty where nothing is."""
        kinds = {kind: sum(box.kind == kind for box in self.boxes) for kind in ("face", "number plate")}
        return " and ".join(f"{n} {kind}{'s' if n > 1 else ''}" for kind, n in kinds.items() if n)


def cover(picture: np.ndarray) -> Covered:
    """Cover what is found in a picture [H, W, 3] float 0..1."""
    return cover_boxes(picture, find(np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)))


def cover_boxes(picture: np.ndarray, boxes: Sequence[Box]) -> Covered:
    """Cover given boxes of a picture [H, W, 3] float 0..1."""
    covered = picture.astype(np.float32).copy()
    height, width = covered.shape[:2]
    for box in boxes:
        left, top = (max(0, round(a - _GROWN * b)) for a, b in ((box.left, box.width), (box.top, box.height)))
        right = min(width, round(box.left + (1 + _GROWN) * box.width))
        bottom = min(height, round(box.top + (1 + _GROWN) * box.height))
        if right <= left or bottom <= top:
            continue
        part = covered[top:bottom, left:right]
        blocks = cv2.resize(part, (_BLOCKS, _BLOCKS), interpolation=cv2.INTER_AREA)
        soft = cv2.resize(blocks, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
        y, x = np.mgrid[0 : bottom - top, 0 : right - left]
        middle = ((bottom - top - 1) / 2, (right - left - 1) / 2)
        radius = ((y - middle[0]) / max(1.0, middle[0])) ** 2 + ((x - middle[1]) / max(1.0, middle[1])) ** 2
        share = np.clip((1.2 - radius) / 0.2, 0.0, 1.0)[..., None] if box.kind == "face" else np.ones((*y.shape, 1))
        covered[top:bottom, left:right] = (share * soft + (1 - share) * part).astype(np.float32)
    detail = np.clip((picture.astype(np.float32) + _LEAST) / (covered + _LEAST), 1 / _MOST, _MOST)
    return Covered(covered, detail, _told_apart(boxes))


def _told_apart(boxes: Sequence[Box]) -> tuple[Box, ...]:
    """The boxes without those whose middle lies in an earlier one of the same kind."""
    kept: list[Box] = []
    for box in boxes:
        x, y = box.left + box.width / 2, box.top + box.height / 2
        inside = any(
            k.kind == box.kind and k.left <= x <= k.left + k.width and k.top <= y <= k.top + k.height for k in kept
        )
        if not inside:
            kept.append(box)
    return tuple(kept)
