"""Pictures as a server is sent them: PNG, with sides that its models can take; and back."""

from __future__ import annotations

import io
import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from editor3d.diffusion.sizing import padded_to, resized
from editor3d.errors import ServiceError
from editor3d.types import EditRequest

MULTIPLE = 8
"""Sides that models of latents take are multiples of this."""
_MOST_OFF = 0.02
"""How much another shape an answer may have, as a share: servers round sides."""


def padded(picture: Tensor) -> Tensor:
    """A picture [H, W, 3], mirrored up to sides that are multiples of 8."""
    height, width = (-(-side // MULTIPLE) * MULTIPLE for side in picture.shape[:2])
    return padded_to(picture, height, width)


def png(picture: Tensor, changed: Tensor | None = None) -> bytes:
    """A picture [H, W, 3] in 0..1 as PNG; transparent where it may change, [H, W] bool, if that is given."""
    pixels = (picture.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).numpy()
    if changed is not None:
        alpha = np.where(changed.numpy(), 0, 255).astype(np.uint8)[..., None]
        pixels = np.concatenate([pixels, alpha], axis=-1)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=1)
    return out.getvalue()


class Sent:
    """A request's picture as a server is sent it, and the way back.

    Attributes:
        picture: [H', W', 3] float32 on the CPU, padded.
        mask: [H, W] bool on the CPU, of the picture itself: where it may change. None is everywhere.
    """

    def __init__(self, request: EditRequest) -> None:
        self._condition = request.condition.detach()
        self.picture = padded(self._condition.to("cpu", torch.float32))
        self.mask = None if request.mask is None else request.mask.detach().bool().cpu()

    @property
    def white(self) -> Tensor:
        """The mask as a padded picture [H', W', 3]: white where it may change."""
        height, width = self._condition.shape[:2]
        mask = torch.ones(height, width, dtype=torch.bool) if self.mask is None else self.mask
        return padded(mask[..., None].float().expand(-1, -1, 3))

    def edited(self, answer: Image.Image, server: str) -> Tensor:
        """What came back, as an editor returns it: [H, W, 3] float32 on the condition's device.

        It is bit-equal to the condition outside the mask.

        Raises:
            ServiceError: it has another shape.
        """
        image = self._condition.to("cpu", torch.float32)
        height, width = image.shape[:2]
        edited = cut_back(answer, (self.picture.shape[0], self.picture.shape[1]), (height, width), server)
        if self.mask is not None:
            edited = torch.where(self.mask[..., None], edited, image)
        return edited.to(self._condition.device)


def cut_back(answer: Image.Image, sent: tuple[int, int], size: tuple[int, int], server: str) -> Tensor:
    """What came back for a padded picture, at the size of the original: [H, W, 3] float32 in 0..1.

    Args:
        sent: height and width of the padded picture.
        size: height and width of the original.
        server: for the error's text.

    Raises:
        ServiceError: it has another shape.
    """
    if abs(math.log((answer.width / answer.height) / (sent[1] / sent[0]))) > _MOST_OFF:
        raise ServiceError(
            f"Expected a picture of the shape {sent[1]}x{sent[0]} from {server}, but got {answer.width}x{answer.height}"
            ": have it keep the picture's shape."
        )
    edited = torch.from_numpy(np.array(answer.convert("RGB"))).float() / 255.0
    return resized(edited, *sent)[: size[0], : size[1]].clamp(0.0, 1.0)
