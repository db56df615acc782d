"""The try-on editor that needs no weights: warp the garment, keep the photograph's light and folds, lay it on."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import torch
from torch import Tensor

from editor3d.editors import EDITORS
from editor3d.editors.try_on import landmarks, warp
from editor3d.editors.try_on.light import shading
from editor3d.editors.try_on.segment import Parts, labelled, parts_of
from editor3d.errors import ConfigError, DataError
from editor3d.srgb import to_linear, to_srgb
from editor3d.types import EditorInfo, EditRequest, Garment


class TryOnEditor:
    """Lays a garment's picture onto the person in a picture.

    out = garment(warp(p)) * light(p), in linear light, at the pixels p that show what is worn now; light is the
    photograph's luminance there over that of what is worn where it is well lit, without the finest detail. All other
    pixels, and so arms and hair before the garment, keep every bit.
    """

    @property
    def info(self) -> EditorInfo:
        return EDITORS["try-on"].info

    def validate(self, instruction: str, objects: Collection[str], views: Collection[str]) -> None:
        """The instruction may be empty.

        Raises:
            EditorUnavailableError: the data names no garment in its masks, and mediapipe is not installed.
        """
        if not labelled(objects):
            landmarks.require()

    def edit(self, request: EditRequest) -> Tensor:
        """Dress the person.

        Returns:
            [H, W, 3] float32 in 0..1 on the condition's device, bit-equal to the condition where no garment is worn.

        Raises:
            ConfigError: the request carries no garment.
            DataError: nobody is seen.
        """
        if request.garment is None:
            raise ConfigError("Expected the picture of a garment, got none: give --garment FILE.")
        parts = parts_of(request.condition, request.objects)
        if parts is None:
            raise DataError(f"Expected a person in {request.view}, found none: try-on needs pictures of a person.")
        worn = parts.garment if request.mask is None else request.mask.cpu().numpy()
        original = request.condition.detach().to("cpu", torch.float32)
        if not worn.any():
            return original.to(request.condition.device)
        dressed = dress(original.numpy(), worn, parts, request.garment)
        return torch.from_numpy(dressed).to(request.condition.device)


def dress(picture: np.ndarray, worn: np.ndarray, parts: Parts, garment: Garment) -> np.ndarray:
    """Lay a garment on.

    Args:
        picture: [H, W, 3] float32 in 0..1.
        worn: [H, W] bool, where a garment is worn now.
        parts: of the person in the picture.

    Returns:
        [H, W, 3] float32; outside `worn` the picture's own bits.
    """
    height, width = worn.shape
    own, own_mask = garment.picture.cpu().numpy(), garment.mask.cpu().numpy()
    trunk = warp.person_trunk(worn, parts.arms, parts.face_height, parts.neck, garment.turn)
    s, t = warp.spline_coordinates(trunk, height, width, worn)
    x, y = warp.garment_trunk(own_mask).place(warp.unrolled(s, garment.turn), np.clip(t, 0.0, 1.0))
    cloth = to_linear(np.asarray(warp.sample(own, own_mask, x, y), np.float64))
    light = shading(picture, worn, garment.worn)[worn]
    out = picture.copy()
    out[worn] = to_srgb(cloth * light[:, None])
    return out
