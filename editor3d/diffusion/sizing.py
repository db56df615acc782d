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
    return padded_to(image, height + -height % multiple, width + -width % multiple)


def padded_to(image: Tensor, height: int, width: int) -> Tensor:
    """Mirror a picture [H, W, 3] at its right and bottom border up to a size; the rest stays put."""
    rows, columns = image.shape[:2]
    return image[mirrored(rows, height - rows)][:, mirrored(columns, width - columns)]


def mirrored(length: int, extra: int) -> Tensor:
    """Indices 0 … length - 1 and `extra` more that run back and forth without repeating the ends: 0 1 2 1 0 1 …"""
    period = max(1, 2 * (length - 1))
    index = torch.arange(length + extra) % period
    return torch.where(index < length, index, period - index)


def working_size(height: int, width: int, multiple: int, pixels: tuple[int, int]) -> tuple[int, int]:
    """The size of about the same shape that a model trained on a range of areas works at.

    Args:
        height: of the picture.
        width: of the picture.
        multiple: what both sides must be multiples of.
        pixels: the fewest and the most pixels. Rounding may leave the range by half a multiple on a side.

    Returns:
        Height and width. A picture of that size stays at it: the function's result is a fixed point of the function.
    """
    seen: list[tuple[int, int]] = []
    size = (height, width)
    while size not in seen:
        seen.append(size)
        area = min(max(size[0] * size[1], pixels[0]), pixels[1])
        sides = (area * size[0] / size[1]) ** 0.5, (area * size[1] / size[0]) ** 0.5
        high, wide = (max(1, round(side / multiple)) * multiple for side in sides)
        size = (high, wide)
    return size


def mask_resized(mask: Tensor, height: int, width: int) -> Tensor:
    """Scale a mask [H, W] bool: True wherever any part of the new pixel was."""
    if mask.shape == (height, width):
        return mask
    finer = (max(height, mask.shape[0]), max(width, mask.shape[1]))
    planes = F.interpolate(mask.float()[None, None], size=finer, mode="nearest-exact")
    return F.adaptive_max_pool2d(planes, (height, width))[0, 0] > 0.5


def around(mask: Tensor, margin: float, least: int) -> tuple[slice, slice]:
    """The rows and columns of a mask [H, W] bool that has a True pixel, with its surroundings.

    Args:
        mask: what must be inside.
        margin: how much is added at each border, as a fraction of the region's longer side.
        least: pixels that are added at least.
    """
    spans = []
    inside = [torch.nonzero(mask.any(1)).flatten(), torch.nonzero(mask.any(0)).flatten()]
    extent = max(int(found[-1] - found[0]) + 1 for found in inside)
    border = max(least, round(margin * extent))
    for found, length in zip(inside, mask.shape, strict=True):
        spans.append(slice(max(0, int(found[0]) - border), min(length, int(found[-1]) + 1 + border)))
    return spans[0], spans[1]
