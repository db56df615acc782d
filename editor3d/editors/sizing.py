"""Fitting pictures of any size to a model that works at multiples of a number of pixels, up to a longest side."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def shrunk(image: Tensor, max_side: int | None) -> Tensor:
    """Scale a picture [H, W, 3] down so that no side is longer than `max_side`; smaller ones come back as they are."""
    height, width = image.shape[:2]
    longest = max(height, width)
    if max_side is None or longest <= max_side:
        return image
    return resized(image, max(1, round(height * max_side / longest)), max(1, round(width * max_side / longest)))


def resized(image: Tensor, height: int, width: int) -> Tensor:
    """Scale a picture [H, W, 3] in 0..1 by antialiased bicubic interpolation."""
    if image.shape[:2] == (height, width):
        return image
    planes = image.permute(2, 0, 1)[None]
    scaled = F.interpolate(planes, size=(height, width), mode="bicubic", align_corners=False, antialias=True)
    return scaled[0].permute(1, 2, 0).clamp(0.0, 1.0)


def padded(image: Tensor, multiple: int) -> Tensor:
    """Mirror a picture [H, W, 3] at its right and bottom border until both sides are multiples; the rest stays put."""
    height, width = image.shape[:2]
    return image[mirrored(height, -height % multiple)][:, mirrored(width, -width % multiple)]


def mirrored(length: int, extra: int) -> Tensor:
    """Indices 0 … length - 1 and `extra` more that run back and forth without repeating the ends: 0 1 2 1 0 1 …"""
    period = max(1, 2 * (length - 1))
    index = torch.arange(length + extra) % period
    return torch.where(index < length, index, period - index)
