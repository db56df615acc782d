"""Camera intrinsics, from the keys that nerfstudio uses for them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from editor3d.datasets.images import PictureInfo
from editor3d.errors import ConfigError, DataError

PERSPECTIVE_MODELS = ("SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV")
FISHEYE_MODELS = ("OPENCV_FISHEYE",)
DISTORTION_KEYS = ("k1", "k2", "k3", "k4", "p1", "p2")


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera with OpenCV distortion; lengths in pixels. The fields are those of `View`."""

    width: int
    height: int
    fl_x: float
    fl_y: float
    cx: float
    cy: float
    distortion: tuple[float, float, float, float, float, float] = (0.0,) * 6
    fisheye: bool = False

    def resized(self, width: int, height: int) -> Intrinsics:
        """The same camera with another pixel grid over the same field of view: each axis by its exact ratio.

        Distortion acts on normalised coordinates and stays.
        """
        scale_x, scale_y = width / self.width, height / self.height
        return Intrinsics(
            width=width,
            height=height,
            fl_x=self.fl_x * scale_x,
            fl_y=self.fl_y * scale_y,
            cx=self.cx * scale_x,
            cy=self.cy * scale_y,
            distortion=self.distortion,
            fisheye=self.fisheye,
        )

    def downscaled(self, factor: int, where: str) -> Intrinsics:
        """The camera of a picture scaled down to `width // factor` by `height // factor` pixels.

        Raises:
            ConfigError: nothing would be left.
        """
        if factor == 1:
            return self
        if factor > min(self.width, self.height):
            raise ConfigError(
                f"A downscale factor of {factor} leaves nothing of {where} ({self.width}x{self.height} pixels): use "
                f"at most {min(self.width, self.height)}."
            )
        return self.resized(self.width // factor, self.height // factor)


def parse_intrinsics(keys: Mapping[str, object], picture: PictureInfo, where: str) -> Intrinsics:
    """The camera of a picture at its full size.

    Keys: `camera_model` (OPENCV unless given), `w`, `h` (the picture's unless given), `fl_x` or `camera_angle_x`
    (radians, f = w / (2 tan(angle / 2))), `fl_y` (fl_x unless given), `cx`, `cy` (the centre unless given), `k1` to
    `k4`, `p1`, `p2` or `distortion_params`, a list of these six.

    A picture of another size than declared has been scaled: where the aspect is that of the declared size to within
    a pixel the intrinsics are scaled along, otherwise it is another picture and refused.

    Args:
        keys: one frame's keys over those of its file.
        picture: what the picture's header says.
        where: names the frame in messages.

    Raises:
        DataError: a key is missing or not a number, the model is not supported, or the sizes contradict each other.
    """
    model = keys.get("camera_model", "OPENCV")
    if model not in PERSPECTIVE_MODELS + FISHEYE_MODELS:
        raise DataError(
            f"The camera model {model!r} of {where} is not supported: use one of "
            f"{', '.join(PERSPECTIVE_MODELS + FISHEYE_MODELS)}."
        )
    width = _size(keys, "w", where) if "w" in keys else None
    height = _size(keys, "h", where) if "h" in keys else None
    if width is None or height is None:
        width, height = picture.width, picture.height
    if "fl_x" in keys:
        fl_x = _positive(keys, "fl_x", where)
    elif "camera_angle_x" in keys:
        fl_x = _focal_length(keys, "camera_angle_x", width, where)
    else:
        raise DataError(f"The focal length of {where} is missing: give fl_x in pixels, or camera_angle_x in radians.")
    if "fl_y" in keys:
        fl_y = _positive(keys, "fl_y", where)
    elif "camera_angle_y" in keys and "fl_x" not in keys:
        fl_y = _focal_length(keys, "camera_angle_y", height, where)
    else:
        fl_y = fl_x
    declared = Intrinsics(
        width=width,
        height=height,
        fl_x=fl_x,
        fl_y=fl_y,
        cx=_number(keys, "cx", where) if "cx" in keys else width / 2,
        cy=_number(keys, "cy", where) if "cy" in keys else height / 2,
        distortion=_distortion(keys, where),
        fisheye=model in FISHEYE_MODELS,
    )
    actual = picture.size_for(width, height)
    if not same_aspect((width, height), actual):
        raise DataError(
            f"{where} declares {width}x{height} pixels but its picture has {actual[0]}x{actual[1]}, which is another "
            "aspect: correct w and h, or put the right picture there."
        )
    return declared if actual == (width, height) else declared.resized(*actual)


def same_aspect(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Whether a picture of size a, scaled to the width or height of b, has b's other side to within a pixel."""
    (aw, ah), (bw, bh) = a, b
    return abs(ah * bw / aw - bh) <= 1 or abs(aw * bh / ah - bw) <= 1


def _distortion(keys: Mapping[str, object], where: str) -> tuple[float, float, float, float, float, float]:
    if "distortion_params" in keys:
        values = keys["distortion_params"]
        if not isinstance(values, list) or len(values) != len(DISTORTION_KEYS):
            raise DataError(f"distortion_params of {where} must be a list of six numbers, not {values!r}.")
        keys = dict(zip(DISTORTION_KEYS, values, strict=True))
    return tuple(_number(keys, key, where) if key in keys else 0.0 for key in DISTORTION_KEYS)


def _number(keys: Mapping[str, object], key: str, where: str) -> float:
    value = keys[key]
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"{key} of {where} must be a finite number, not {value!r}.")
    return number


def _positive(keys: Mapping[str, object], key: str, where: str) -> float:
    number = _number(keys, key, where)
    if number <= 0:
        raise DataError(f"{key} of {where} must be positive, not {number:g}.")
    return number


def _size(keys: Mapping[str, object], key: str, where: str) -> int:
    number = _positive(keys, key, where)
    if number != int(number):
        raise DataError(f"{key} of {where} must be a whole number of pixels, not {number:g}.")
    return int(number)


def _focal_length(keys: Mapping[str, object], key: str, side: int, where: str) -> float:
    angle = _number(keys, key, where)
    if not 0 < angle < math.pi:
        raise DataError(f"{key} of {where} must be an angle between 0 and pi radians, not {angle:g}.")
    return 0.5 * side / math.tan(0.5 * angle)
