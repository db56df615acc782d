"""Reading the pictures of a posed image set: photographs, masks, object labels and depth.

Orientation. A camera belongs to the pixel raster it was calibrated on. COLMAP and nerfstudio work on the raster as it
is stored and know nothing of the EXIF orientation tag, so it is ignored here too, with one exception: where the view
is portrait and the stored raster landscape (or the reverse) and the tag says that the picture lies on its side, the
camera was calibrated on the upright picture, and the picture is turned upright.

Alpha. A mask has what is neither black nor transparent inside. A photograph's alpha says one of two things: cut out, it
is laid over white, as NeRF-synthetic's is; or the whole photograph is still there and alpha says which pixels not to
train on (`PictureInfo.alpha`). A view of the second kind has its own photograph as its mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from editor3d.datasets.arrays import read_depth_array
from editor3d.datasets.label_pictures import MAX_ID, NoIds, object_ids
from editor3d.errors import DataError, first_line
from editor3d.files.safe_open import (
    PICTURE_FORMATS,
    UNREADABLE,
    TooManyPixels,
    open_picture,
    opencv_pixels,
    require_regular,
)
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

OPAQUE = 255
_ROWS = 256
"""Rows of a picture that are worked on at once."""
KEEPS_HIDDEN = ("PNG", "TIFF", "BMP", "TGA")
"""Kinds whose usual writers keep the colours below alpha 0 as they are; those of WebP clear or smear them."""
_HIDDEN_CONTRAST = 8
"""Levels (of 255) by which colours below alpha 0 differ where a photograph is still there,"""
_SAMPLED_SIDE = 512
"""Rows and columns that are looked at of a picture with pixels of alpha 0."""
_HIDDEN_SHARE = 0.25
"""and the share of these pixels that do, from the median colour."""

Alpha = Literal["none", "soft", "cleared", "kept"]

REMEMBERED_PICTURES = 100_000
"""Results of inspection that a process keeps, a few hundred bytes each."""


@dataclass(frozen=True)
class PictureInfo:
    """What a picture's header says of its raster."""

    width: int
    height: int
    orientation: int = 1
    """The EXIF tag, 1 to 8."""
    alpha: Alpha = "none"
    """What there is of transparency: none; some that is soft; or only alpha 0 and 255, and below 0 the photograph is
    cleared away (all of one colour), or kept."""

    def turned_for(self, width: int, height: int) -> bool:
        """Whether a camera of the given size sees the picture turned upright: see the module's text."""
        crosswise = (width - height) * (self.width - self.height) < 0
        return crosswise and self.orientation in UPRIGHT

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """The picture's full (width, height) as a camera of the given size sees it."""
        return (self.height, self.width) if self.turned_for(width, height) else (self.width, self.height)


def inspect_picture(path: Path) -> PictureInfo:
    """Read a picture's size and what its alpha means, and make sure that all of it can be read.

    All of it is decoded: JPEG at an eighth of its size, which is a quarter of the work and still reads every coded bit.
    A process does so once, for as long as the file stays as it is: an edit opens its capture again and again.

    Raises:
        DataError: the file is no picture, or a truncated or damaged one.
    """
    _require(path)
    try:
        status = path.stat()
        return _inspect(path.resolve(), status.st_mtime_ns, status.st_size)
    except UNREADABLE as error:
        raise _damaged(path, error) from error


@lru_cache(maxsize=REMEMBERED_PICTURES)
def _inspect(path: Path, mtime_ns: int, size: int) -> PictureInfo:
    """`inspect_picture` of a file that was last changed then; what raises is not remembered."""
    with open_picture(path) as picture:
        width, height = picture.size
        picture.draft(None, (max(1, width // 8), max(1, height // 8)))
        picture.load()
        return PictureInfo(width, height, _orientation(picture), _alpha(picture))


def _orientation(picture: Image.Image) -> int:
    """The EXIF tag, 1 where there is none that can be read: a damaged tag is no damaged picture."""
    try:
        value = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except UNREADABLE:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _alpha(picture: Image.Image) -> Alpha:
    """See `PictureInfo.alpha`."""
    if not picture.has_transparency_data:
        return "none"
    stored = picture.mode in ("RGBA", "LA")
    alpha = (picture if stored else picture.convert("RGBA")).getchannel("A")
    levels = np.array(alpha.histogram())
    if levels[:OPAQUE].sum() == 0:
        return "none"
    if levels[1:OPAQUE].any():
        return "soft"
    if not stored or picture.format not in KEEPS_HIDDEN:
        return "cleared"
    box = alpha.point([OPAQUE] + [0] * OPAQUE).getbbox()  # round what is transparent
    sampled = (min(box[2] - box[0], _SAMPLED_SIDE), min(box[3] - box[1], _SAMPLED_SIDE))
    pixels = np.asarray(picture.resize(sampled, Image.Resampling.NEAREST, box))
    hidden = pixels[pixels[..., -1] == 0][:, :-1].astype(np.int16)
    if len(hidden) == 0:  # a few pixels far apart
        return "cleared"
    contrast = np.abs(hidden - np.median(hidden, axis=0)).max(axis=-1)
    return "kept" if (contrast > _HIDDEN_CONTRAST).mean() > _HIDDEN_SHARE else "cleared"


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

    from editor3d.datasets.intrinsics import same_aspect  # which reads headers through this module

    size = size or (view.width, view.height)
    if view.depth_path.suffix.lower() == ".npy":
        values = read_depth_array(view.depth_path)
    else:
        values = _decode(view.depth_path, size, np.asarray)
    if values.ndim != 2:
        raise DataError(f"{view.depth_path} must be a picture of depth alone, not one of {_description(values)}.")
    if not same_aspect(size, values.shape[::-1]):
        raise DataError(
            f"{view.depth_path} has {values.shape[1]}x{values.shape[0]} values, another aspect than the "
            f"{size[0]}x{size[1]} pixels of its view: write depth of the picture's aspect."
        )
    depth = values.astype(np.float32) * np.float32(scale)
    depth[~np.isfinite(depth)] = 0  # as some tools mark what they do not know
    if depth.shape != size[::-1]:
        depth = cv2.resize(depth, size, interpolation=cv2.INTER_NEAREST_EXACT)
    return torch.from_numpy(np.array(depth, order="C"))


def _decode(path: Path, size: tuple[int, int] | None, pixels_of: Callable[[Image.Image], np.ndarray]) -> np.ndarray:
    """The pixels of a picture, [H, W] or [H, W, C], turned upright where a camera of `size` sees it so."""
    _require(path)
    try:
        with open_picture(path) as picture:
            # In this order: asking a PNG for its EXIF tags decodes it, and what tells 16 bits from 8 is gone.
            pixels = pixels_of(picture)
            info = PictureInfo(*picture.size, _orientation(picture))
    except UNREADABLE as error:
        raise _damaged(path, error) from error
    turned = size is not None and info.turned_for(*size)
    return UPRIGHT[info.orientation](pixels) if turned else pixels


def _colour_pixels(picture: Image.Image) -> np.ndarray:
    """[H, W, 3] or, with alpha, [H, W, 4], uint8, or uint16 from 16 bits."""
    if any(";16" in str(tile.args) for tile in picture.tile):
        return _sixteen_bit_pixels(picture)
    return np.asarray(picture.convert("RGBA" if picture.has_transparency_data else "RGB"))


def _sixteen_bit_pixels(picture: Image.Image) -> np.ndarray:
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


def _inside(picture: Image.Image) -> np.ndarray:
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


def _opaque(picture: Image.Image) -> np.ndarray:
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


def _require(path: Path) -> None:
    """Refuse what is missing, or no ordinary file."""
    if not path.exists():
        raise DataError(f"The picture {path} does not exist.")
    require_regular(path)


def _damaged(path: Path, error: Exception) -> DataError:
    if isinstance(error, TooManyPixels | Image.DecompressionBombError):
        return DataError(f"The picture {path} is too large to be read ({first_line(error)}): scale it down.")
    if isinstance(error, UnidentifiedImageError):
        return DataError(
            f"The picture {path} is damaged or of an unknown kind: replace it by one of {', '.join(PICTURE_FORMATS)}, "
            f"or drop its frame."
        )
    return DataError(
        f"The picture {path} is damaged or of an unknown kind ({first_line(error)}): replace it, or drop its frame."
    )
