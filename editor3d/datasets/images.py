"""Reading the pictures of a posed image set: photographs, masks, object labels and depth.

Orientation. A camera belongs to the pixel raster it was calibrated on. COLMAP and nerfstudio work on the raster as it
is stored and know nothing of the EXIF orientation tag, so it is ignored here too, with one exception: where the view
is portrait and the stored raster landscape (or the reverse) and the tag says that the picture lies on its side, the
camera was calibrated on the upright picture, and the picture is turned upright.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import ExifTags, Image

from editor3d.errors import DataError
from editor3d.types import View

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

WHITE = (1.0, 1.0, 1.0)

UPRIGHT = {
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels, 1),
}
"""The values of the EXIF orientation tag that swap width and height, and what undoes them."""

UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)
"""What Pillow raises for a damaged picture (SyntaxError is its word for a broken PNG)."""

REMEMBERED_PICTURES = 100_000
"""Results of inspection that a process keeps, a few hundred bytes each."""


@dataclass(frozen=True)
class PictureInfo:
    """What a picture's header says of its raster."""

    width: int
    height: int
    orientation: int = 1
    """The EXIF tag, 1 to 8."""

    @classmethod
    def of(cls, picture: Image.Image) -> PictureInfo:
        return cls(picture.width, picture.height, picture.getexif().get(ExifTags.Base.Orientation, 1))

    def turned_for(self, width: int, height: int) -> bool:
        """Whether a camera of the given size sees the picture turned upright: see the module's text."""
        crosswise = (width - height) * (self.width - self.height) < 0
        return crosswise and self.orientation in UPRIGHT

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """The picture's full (width, height) as a camera of the given size sees it."""
        return (self.height, self.width) if self.turned_for(width, height) else (self.width, self.height)


def inspect_picture(path: Path) -> PictureInfo:
    """Read a picture's size and make sure that all of it can be read.

    All of it is decoded: JPEG at an eighth of its size, which is a quarter of the work and still reads every coded bit.
    A process does so once, for as long as the file stays as it is: an edit opens its capture again and again.

    Raises:
        DataError: the file is no picture, or a truncated or damaged one.
    """
    try:
        status = path.stat()
        return _inspect(path.resolve(), status.st_mtime_ns, status.st_size)
    except UNREADABLE as error:
        raise _damaged(path, error) from error


@lru_cache(maxsize=REMEMBERED_PICTURES)
def _inspect(path: Path, mtime_ns: int, size: int) -> PictureInfo:
    """`inspect_picture` of a file that was last changed then; what raises is not remembered."""
    with Image.open(path) as picture:
        info = PictureInfo.of(picture)
        picture.draft(None, (info.width // 8, info.height // 8))
        picture.load()
    return info


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
            None leaves alpha out and keeps the stored colours.

    Returns:
        [H, W, 3] uint8.

    Raises:
        DataError: the picture is missing or damaged.
    """
    import torch

    if isinstance(source, View):
        path, size = source.image_path, size or (source.width, source.height)
    else:
        path = source
    pixels = _composite(_decode(path, size, _colour_pixels), background)
    if size is not None:
        pixels = _resize(pixels, size)
    if pixels.dtype != np.uint8:
        pixels = np.rint(pixels.clip(0, 255)).astype(np.uint8)
    return torch.from_numpy(np.array(pixels, order="C"))


def read_mask(view: View, size: tuple[int, int] | None = None) -> Tensor | None:
    """Read which pixels may be trained on: those that are not black, over at least half of a scaled-down pixel.

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
    return _covered(_decode(view.mask_path, size, _not_black), size)


def read_object_masks(view: View, objects: Mapping[str, int], size: tuple[int, int] | None = None) -> dict[str, Tensor]:
    """Read where each object is: the pixels at least half covered by its id in the label picture.

    Args:
        view: the view; its size is the masks' unless `size` is given.
        objects: names and ids (1..255), as in `PosedImages.objects`.
        size: (width, height) wanted.

    Returns:
        [H, W] bool for every name in `objects` (all False for one out of sight); empty where the view has no labels.

    Raises:
        DataError: the label picture is missing, damaged, or not one of 8-bit ids.
    """
    if view.labels_path is None:
        return {}
    size = size or (view.width, view.height)
    labels = _decode(view.labels_path, size, np.asarray)
    if labels.ndim != 2 or labels.dtype != np.uint8:
        raise DataError(
            f"{view.labels_path} must be an 8-bit picture of object ids (grey or palette), not one of "
            f"{_description(labels)}."
        )
    return {name: _covered(labels == object_id, size) for name, object_id in objects.items()}


def read_depth(view: View, scale: float, size: tuple[int, int] | None = None) -> Tensor | None:
    """Read z-depth; a scaled-down pixel takes the nearest value, as depths of two surfaces must not mix.

    Args:
        view: the view; its size is the map's unless `size` is given.
        scale: scene units per unit of the picture (`PosedImages.depth_scale`).
        size: (width, height) wanted.

    Returns:
        [H, W] float32 in scene units, 0 where unknown; or None where the view has no depth.

    Raises:
        DataError: the depth picture is missing, damaged, or not of one channel.
    """
    if view.depth_path is None:
        return None
    import cv2
    import torch

    size = size or (view.width, view.height)
    values = _decode(view.depth_path, size, np.asarray)
    if values.ndim != 2:
        raise DataError(f"{view.depth_path} must be a picture of depth alone, not one of {_description(values)}.")
    depth = values.astype(np.float32) * np.float32(scale)
    if depth.shape != size[::-1]:
        depth = cv2.resize(depth, size, interpolation=cv2.INTER_NEAREST_EXACT)
    return torch.from_numpy(np.array(depth, order="C"))


def _decode(path: Path, size: tuple[int, int] | None, pixels_of: Callable[[Image.Image], np.ndarray]) -> np.ndarray:
    """The pixels of a picture, [H, W] or [H, W, C], turned upright where a camera of `size` sees it so."""
    try:
        with Image.open(path) as picture:
            # In this order: asking a PNG for its EXIF tags decodes it, and what tells 16 bits from 8 is gone.
            pixels = pixels_of(picture)
            info = PictureInfo.of(picture)
    except UNREADABLE as error:
        raise _damaged(path, error) from error
    turned = size is not None and info.turned_for(*size)
    return UPRIGHT[info.orientation](pixels) if turned else pixels


def _colour_pixels(picture: Image.Image) -> np.ndarray:
    """[H, W, 3] or, with alpha, [H, W, 4] uint8, or float32 in 0..255 from 16 bits."""
    if any(";16" in str(tile.args) for tile in picture.tile):
        return _sixteen_bit_pixels(picture)
    return np.asarray(picture.convert("RGBA" if picture.has_transparency_data else "RGB"))


def _sixteen_bit_pixels(picture: Image.Image) -> np.ndarray:
    """Pillow drops the low byte of 16-bit colour and clips 16-bit grey: OpenCV reads both whole."""
    import cv2

    pixels = cv2.imread(str(picture.filename), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise OSError("the 16-bit picture cannot be decoded")
    if pixels.ndim == 2:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
    elif pixels.shape[2] == 4:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA)
    else:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    return pixels.astype(np.float32) / 257


def _not_black(picture: Image.Image) -> np.ndarray:
    """[H, W] bool."""
    if len(picture.getbands()) == 1 and picture.mode != "P":
        return np.asarray(picture) != 0
    return np.asarray(picture.convert("RGB")).any(axis=-1)


def _composite(pixels: np.ndarray, background: tuple[float, float, float] | None) -> np.ndarray:
    if pixels.shape[-1] == 3:
        return pixels
    colour, alpha = pixels[..., :3], pixels[..., 3:].astype(np.float32) / 255
    if background is None:
        return colour
    return colour * alpha + (1 - alpha) * 255 * np.asarray(background, dtype=np.float32)


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


def _damaged(path: Path, error: Exception) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError(f"The picture {path} does not exist.")
    return DataError(f"The picture {path} is damaged or of an unknown kind ({error}): replace it, or drop its frame.")
