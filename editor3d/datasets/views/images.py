"""Reading the pictures of a posed image set: photographs, masks, object labels and depth.

Orientation is as `editor3d.datasets.views.headers` says.

Alpha. A mask has what is neither black nor transparent inside. A photograph's alpha says one of two things: cut out, it
is laid over white, as NeRF-synthetic's is; or the whole photograph is still there and alpha says which pixels not to
train on (`PictureInfo.alpha`). A view of the second kind has its own photograph as its mask.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import ImageFile

from editor3d.datasets.views.arrays import read_depth_array
from editor3d.datasets.views.headers import UPRIGHT, PictureInfo, damaged, orientation_of, require_picture, same_aspect
from editor3d.datasets.views.label_pictures import MAX_ID, NoIds, object_ids
from editor3d.errors import DataError
from editor3d.files.safe_open import (
    UNREADABLE,
    open_picture,
    opencv_pixels,
)
from editor3d.types import View

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from torch import Tensor

WHITE = (1.0, 1.0, 1.0)

_ROWS = 256
"""Rows of a picture that are worked on at once."""


def masks_itself(view: View) -> bool:
    """Whether the alpha of a view's own photograph is its mask."""
    return view.mask_path is not None and view.mask_path == view.image_path


def read_image(
    source: View | Path,
    size: tuple[int, int] | None = None,
    background: tuple[float, float, float] | None = WHITE,
) -> Tensor:
    """Read a photograph as 8-bit sRGB, scaled down with an area filter.

    Grey, palette, CMYK and 16-bit pictures are converted; 16 bits are scaled by 255 / 65535 and rounded.

    Args:
        source: a view, or the path of a picture.
        size: (width, height) wanted; the view's own unless given, or the picture's.
        background: sRGB colour in 0..1 that a transparent picture is laid over, c = alpha c + (1 - alpha) background;
            None leaves alpha out and keeps the stored colours, as it is done for a view whose alpha is its mask.

    Returns:
        [H, W, 3] uint8.

    Raises:
        DataError: the picture is missing or damaged.
    """
    import torch

    if isinstance(source, View):
        path, size = source.image_path, size or (source.width, source.height)
        background = None if masks_itself(source) else background
    else:
        path = source
    pixels = _composite(_decode(path, size, _colour_pixels), background)
    if size is not None:
        pixels = _resize(pixels, size)
    if pixels.dtype != np.uint8:
        pixels = np.rint(pixels * np.float32(1 / 257)).astype(np.uint8)
    return torch.from_numpy(np.array(pixels, order="C"))


def read_mask(view: View, size: tuple[int, int] | None = None) -> Tensor | None:
    """Read which pixels may be trained on: those that are neither black nor transparent.

    Alpha alone says where all that is not transparent is black, and where the mask is the photograph itself. A JPEG,
    which saves no exact black, is split at half of its brightest value. A scaled-down pixel may be trained on if half
    of it may.

    Args:
        view: the view; its size is the mask's unless `size` is given.
        size: (width, height) wanted.

    Returns:
        [H, W] bool, or None where the view has no mask.

    Raises:
        DataError: the mask is missing or damaged.
    """
    if view.mask_path is None:
        return None
    size = size or (view.width, view.height)
    return _covered(_decode(view.mask_path, size, _opaque if masks_itself(view) else _inside), size)


def read_object_masks(view: View, objects: Mapping[str, int], size: tuple[int, int] | None = None) -> dict[str, Tensor]:
    """Read where each object is: the pixels at least half covered by its id in the label picture.

    Args:
        view: the view; its size is the masks' unless `size` is given.
        objects: names and ids (1..255), as in `PosedImages.objects`.
        size: (width, height) wanted.

    Returns:
        [H, W] bool for every name in `objects` (all False for one out of sight); empty where the view has no labels.

    Raises:
        DataError: the label picture is missing, damaged, or holds something else than ids of 0 to 255.
    """
    if view.labels_path is None:
        return {}
    size = size or (view.width, view.height)
    try:
        labels = _decode(view.labels_path, size, object_ids)
    except NoIds as found:
        raise DataError(
            f"Expected object ids of 0 to {MAX_ID} in {view.labels_path}, found {found}: save them as grey values or "
            "palette indices of 8 bits in a PNG."
        ) from found
    return {name: _covered(labels == object_id, size) for name, object_id in objects.items()}


def united(masks: Mapping[str, Tensor], names: Collection[str]) -> Tensor | None:
    """Where any of the named objects is: [H, W] bool on the CPU; None for no name, which stands for everywhere."""
    import torch

    return torch.stack([masks[name].detach().cpu().bool() for name in names]).any(0) if names else None


def read_depth(view: View, scale: float, size: tuple[int, int] | None = None) -> Tensor | None:
    """Read z-depth; a scaled-down pixel takes the nearest value, as depths of two surfaces must not mix.

    Args:
        view: the view; its size is the map's unless `size` is given.
        scale: scene units per unit of the picture (`PosedImages.depth_scale`).
        size: (width, height) wanted.

    Returns:
        [H, W] float32 in scene units, 0 where unknown; or None where the view has no depth.

    Raises:
        DataError: the depth picture or .npy file is missing, damaged, not of one channel, or of another aspect.
    """
    if view.depth_path is None:
        return None
    import cv2
    import torch

    size = size or (view.width, view.height)
    if view.depth_path.suffix.lower() == ".npy":
        values = read_depth_array(view.depth_path)
    else:
        values = _decode(view.depth_path, size, np.asarray)
    if values.ndim != 2:
        raise DataError(f"{view.depth_path} must be a picture of depth alone, not one of {_description(values)}.")
    if not same_aspect(size, (values.shape[1], values.shape[0])):
        raise DataError(
            f"{view.depth_path} has {values.shape[1]}x{values.shape[0]} values, another aspect than the "
            f"{size[0]}x{size[1]} pixels of its view: write depth of the picture's aspect."
        )
    depth = values.astype(np.float32) * np.float32(scale)
    depth[~np.isfinite(depth)] = 0  # as some tools mark what they do not know
    if depth.shape != size[::-1]:
        depth = cv2.resize(depth, size, interpolation=cv2.INTER_NEAREST_EXACT)
    return torch.from_numpy(np.array(depth, order="C"))


def _decode(
    path: Path, size: tuple[int, int] | None, pixels_of: Callable[[ImageFile.ImageFile], np.ndarray]
) -> np.ndarray:
    """The pixels of a picture, [H, W] or [H, W, C], turned upright where a camera of `size` sees it so."""
    require_picture(path)
    try:
        with open_picture(path) as picture:
            # In this order: asking a PNG for its EXIF tags decodes it, and what tells 16 bits from 8 is gone.
            pixels = pixels_of(picture)
            info = PictureInfo(*picture.size, orientation_of(picture))
    except UNREADABLE as error:
        raise damaged(path, error) from error
    turned = size is not None and info.turned_for(*size)
    return UPRIGHT[info.orientation](pixels) if turned else pixels


def _colour_pixels(picture: ImageFile.ImageFile) -> np.ndarray:
    """[H, W, 3] or, with alpha, [H, W, 4], uint8, or uint16 from 16 bits."""
    if any(";16" in str(tile.args) for tile in picture.tile):
        return _sixteen_bit_pixels(picture)
    return np.asarray(picture.convert("RGBA" if picture.has_transparency_data else "RGB"))


def _sixteen_bit_pixels(picture: ImageFile.ImageFile) -> np.ndarray:
    """Pillow drops the low byte of 16-bit colour and clips 16-bit grey: OpenCV reads both whole."""
    import cv2

    pixels = opencv_pixels(picture, cv2.IMREAD_UNCHANGED)
    if pixels.dtype not in (np.uint8, np.uint16):
        raise OSError(f"its values are {pixels.dtype}")
    if pixels.ndim == 2:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
    elif pixels.shape[2] == 4:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA)
    else:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    return pixels


def _inside(picture: ImageFile.ImageFile) -> np.ndarray:
    """[H, W] bool: a mask's inside, see `read_mask`."""
    if picture.format in ("JPEG", "MPO"):  # which is not quite black beside an edge
        gray = np.asarray(picture.convert("L"))
        return gray > gray.max() // 2
    if len(picture.getbands()) == 1 and picture.mode != "P" and not picture.has_transparency_data:
        return np.asarray(picture) != 0
    pixels = _colour_pixels(picture)
    colored = (pixels[..., :3] != 0).any(axis=-1)
    if pixels.shape[-1] == 3:
        return colored
    visible = pixels[..., 3] != 0
    inside = colored & visible
    return inside if inside.any() else visible


def _opaque(picture: ImageFile.ImageFile) -> np.ndarray:
    """[H, W] bool: at least half opaque."""
    pixels = _colour_pixels(picture)
    return pixels[..., 3] > np.iinfo(pixels.dtype).max / 2 if pixels.shape[-1] == 4 else np.ones(pixels.shape[:2], bool)


def _composite(pixels: np.ndarray, background: tuple[float, float, float] | None) -> np.ndarray:
    """[H, W, 3] of the same type."""
    if pixels.shape[-1] == 3:
        return pixels
    if background is None:
        return pixels[..., :3]
    most = np.iinfo(pixels.dtype).max
    behind = np.asarray(background, dtype=np.float32) * most
    laid = np.empty((*pixels.shape[:2], 3), pixels.dtype)
    for top in range(0, len(pixels), _ROWS):  # as floats all of a large photograph would take a gigabyte
        rows = pixels[top : top + _ROWS].astype(np.float32)
        alpha = rows[..., 3:] / most
        laid[top : top + _ROWS] = np.rint(rows[..., :3] * alpha + (1 - alpha) * behind)
    return laid


def _resize(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale to (width, height): the mean over each new pixel's area, cubic where it grows."""
    import cv2

    height, width = pixels.shape[:2]
    if (width, height) == size:
        return pixels
    shrinks = size[0] <= width and size[1] <= height
    return cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def _covered(mask: np.ndarray, size: tuple[int, int]) -> Tensor:
    """[H, W] bool: the pixels of which at least half is inside."""
    import torch

    # Areas sum to a half only up to rounding.
    return torch.from_numpy(_resize(mask.astype(np.float32), size) >= 0.5 - 1e-4)


def _description(pixels: np.ndarray) -> str:
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    return f"{channels} channel{'s' if channels > 1 else ''} of {pixels.dtype}"
