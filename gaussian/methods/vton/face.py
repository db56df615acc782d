"""Stage 1: restore the original's face in an edited picture, exactly."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from editor3d.editors.try_on import landmarks

STABLE = (10, 151, 9, 6, 168, 197, 5, 4, 33, 133, 263, 362, 130, 359, 234, 454, 127, 356, 61, 291, 152, 148, 377)
"""FaceMesh's points that move least with the expression."""
_LEAST_SHIFT = 0.5
"""Pixels; a face that has moved less is where it was."""
_REACH = 0.35
"""How far beyond the face what is around it is moved along, in heights of the face."""
FEATHER = 3
"""Pixels over which the original passes into the edited picture, outside of the face."""


@dataclass(frozen=True, eq=False)
class Restored:
    """A picture with its face put back."""

    picture: Tensor
    """[H, W, 3] uint8, inside the face the original's bits."""
    shift: float
    """How far the edit had moved the face, pixels: root mean square over landmarks; 0 where they could not tell."""


def restore_face(original: Tensor, edited: Tensor, face: Tensor) -> Restored:
    """Put the face back.

    An edit may move a head. Landmarks of both pictures give the similarity transform that moves it where it was, and
    what lies round the face is moved by it, fading with the distance; then the original's face is laid over.

    Args:
        original: [H, W, 3] uint8.
        edited: [H, W, 3] uint8.
        face: [H, W] bool, where the original's face is; none where nothing is to be put back.
    """
    if not bool(face.any()) or torch.equal(original[face], edited[face]):
        return Restored(edited, 0.0)
    before, after = original.numpy(), edited.numpy()
    aligned, shift = after, 0.0
    if landmarks.available():
        points, moved = landmarks.face_landmarks(before), landmarks.face_landmarks(after)
        if points is not None and moved is not None:
            shift = float(np.sqrt(((points - moved)[list(STABLE)] ** 2).sum(-1).mean()))
            if shift > _LEAST_SHIFT:
                aligned = _aligned(after, points[list(STABLE)], moved[list(STABLE)], face.numpy())
    outside = torch.from_numpy(distance_transform_edt(~face.numpy()))
    share = (1.0 - outside / (FEATHER + 1)).clamp(0.0, 1.0)[..., None]
    mixed = share * original.double() + (1.0 - share) * torch.from_numpy(aligned.copy()).double()
    result = mixed.round().to(torch.uint8)
    result[face] = original[face]
    return Restored(result, shift)


def _aligned(edited: np.ndarray, points: np.ndarray, moved: np.ndarray, face: np.ndarray) -> np.ndarray:
    """The edited picture with its head where the original's is: [H, W, 3] uint8."""
    transform, _ = cv2.estimateAffinePartial2D(points.astype(np.float32), moved.astype(np.float32), method=cv2.LMEDS)
    if transform is None:
        return edited
    height, width = face.shape
    rows = np.nonzero(face.any(1))[0]
    reach = max(2.0, _REACH * (rows[-1] - rows[0] + 1))
    fade = np.clip(1.0 - np.asarray(distance_transform_edt(~face)) / reach, 0.0, 1.0)
    y, x = np.mgrid[:height, :width].astype(np.float64)
    target = np.stack([x + 0.5, y + 0.5, np.ones_like(x)], -1) @ transform.T - 0.5
    map_x = (x + fade * (target[..., 0] - x)).astype(np.float32)
    map_y = (y + fade * (target[..., 1] - y)).astype(np.float32)
    return cv2.remap(edited, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
