"""Read the headers of pictures, and check that the whole picture can be read.

Orientation. A camera belongs to the pixel raster it was calibrated on. COLMAP and nerfstudio work on the raster as it
is stored and know nothing of the EXIF orientation tag, so it is ignored here too, with one exception: where the view
is portrait and the stored raster landscape (or the reverse) and the tag says that the picture lies on its side, the
camera was calibrated on the upright picture, and the picture is turned upright.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from editor3d.errors import DataError, first_line
from editor3d.files.safe_open import PICTURE_FORMATS, UNREADABLE, TooManyPixels, open_picture, require_regular

UPRIGHT = {
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels, 1),
}
"""The values of the EXIF orientation tag that swap width and height, and what undoes them."""


OPAQUE = 255
KEEPS_HIDDEN = ("PNG", "TIFF", "BMP", "TGA")
"""Kinds whose usual writers keep the colours below alpha 0 as they are; those of WebP clear or smear them."""
_HIDDEN_CONTRAST = 8
"""Levels (of 255) by which colours below alpha 0 differ where a photograph is still there,"""
_SAMPLED_SIDE = 512
"""Rows and columns that are looked at of a picture with pixels of alpha 0."""
_HIDDEN_SHARE = 0.25
"""and the share of these pixels that do, from the median colour."""

Alpha = Literal["none", "soft", "cleared", "kept"]


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

    Raises:
        DataError: the file is no picture, or a truncated or damaged one.
    """
    require_picture(path)
    try:
        with open_picture(path) as picture:
            width, height = picture.size
            picture.draft(None, (max(1, width // 8), max(1, height // 8)))
            picture.load()
            return PictureInfo(width, height, orientation_of(picture), _alpha(picture))
    except UNREADABLE as error:
        raise damaged(path, error) from error


def orientation_of(picture: Image.Image) -> int:
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
    assert box is not None  # the histogram has shown some
    sampled = (min(box[2] - box[0], _SAMPLED_SIDE), min(box[3] - box[1], _SAMPLED_SIDE))
    pixels = np.asarray(picture.resize(sampled, Image.Resampling.NEAREST, box))
    hidden = pixels[pixels[..., -1] == 0][:, :-1].astype(np.int16)
    if len(hidden) == 0:  # a few pixels far apart
        return "cleared"
    contrast = np.abs(hidden - np.median(hidden, axis=0)).max(axis=-1)
    return "kept" if (contrast > _HIDDEN_CONTRAST).mean() > _HIDDEN_SHARE else "cleared"


def same_aspect(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Whether a picture of size a, scaled to the width or height of b, has b's other side to within a pixel."""
    (aw, ah), (bw, bh) = a, b
    return abs(ah * bw / aw - bh) <= 1 or abs(aw * bh / ah - bw) <= 1


def require_picture(path: Path) -> None:
    """Refuse what is missing, or no ordinary file."""
    if not path.exists():
        raise DataError(f"The picture {path} does not exist.")
    require_regular(path)


def damaged(path: Path, error: Exception) -> DataError:
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
