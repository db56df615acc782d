"""Camera intrinsics, from the keys that nerfstudio uses for them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields

from editor3d.datasets.views.headers import PictureInfo, same_aspect
from editor3d.datasets.views.validate import finite
from editor3d.errors import DataError, shown
from editor3d.types import Intrinsics, View

CAMERA_KEYS = (
    *("camera_model", "is_fisheye", "w", "h", "fl_x", "fl_y", "cx", "cy"),
    *("camera_angle_x", "camera_angle_y", "x_fov", "y_fov"),
    *("k1", "k2", "k3", "k4", "p1", "p2", "distortion_params"),
    *("ftheta_p0", "latlong", "equirectangular", "orthographic"),
)
"""What describes a camera in a transforms file, of nerfstudio or instant-ngp."""

OTHER_LENSES = ("ftheta_p0", "latlong", "equirectangular", "orthographic")
"""Keys by which instant-ngp names lenses that no view here can have."""

PERSPECTIVE_MODELS = ("SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV")
FISHEYE_MODELS = ("OPENCV_FISHEYE",)
LEAST_FOCAL, MOST_FOCAL = 0.02, 1e4
"""Focal lengths that are believed, in sides of the picture: fields of view of 175 degrees to 20 seconds of arc."""
MOST_CENTER = 10.0
"""How far from the picture's centre that of the lens may be, in sides: pictures may be cut from larger ones."""
MOST_BENT = 1e6
"""How many times farther from the centre a term of the distortion may bring the corners; beyond is no lens."""
DISTORTION_KEYS = ("k1", "k2", "k3", "k4", "p1", "p2")


def lens_of(view: View) -> Intrinsics:
    """The lens of a view."""
    return Intrinsics(**{field.name: getattr(view, field.name) for field in fields(Intrinsics)})


def parse_intrinsics(keys: Mapping[str, object], picture: PictureInfo, where: str) -> Intrinsics:
    """The camera of a picture at its full size.

    Keys: `camera_model` (OPENCV unless given) or, as instant-ngp writes it, `is_fisheye`; `w`, `h` (the picture's
    unless given), `fl_x` or `camera_angle_x` (radians, f = w / (2 tan(angle / 2)), for a fisheye too, as the programs
    that write it have it) or `x_fov` (the same in degrees), `fl_y` (fl_x unless given), `cx`, `cy` (the centre unless
    given), `k1` to `k4`, `p1`, `p2` or `distortion_params`, a list of these six.

    A picture of another size than declared has been scaled: where the aspect is that of the declared size to within
    a pixel the intrinsics are scaled along, otherwise it is another picture and refused.

    Args:
        keys: one frame's keys over those of its file.
        picture: what the picture's header says.
        where: names the frame in messages.

    Raises:
        DataError: a key is missing or not a number, the model is not supported, or the sizes contradict each other.
    """
    fisheye = _is_fisheye(keys, where)
    width = _size(keys, "w", where) if "w" in keys else None
    height = _size(keys, "h", where) if "h" in keys else None
    if width is None or height is None:
        width, height = picture.width, picture.height
    if "fl_x" in keys:
        fl_x = _positive(keys, "fl_x", where)
    elif (fl_x := _focal_length(keys, "x", width, where)) is None:
        raise DataError(f"The focal length of {where} is missing: give fl_x in pixels, or camera_angle_x in radians.")
    if "fl_y" in keys:
        fl_y = _positive(keys, "fl_y", where)
    else:
        from_angle = None if "fl_x" in keys else _focal_length(keys, "y", height, where)
        fl_y = fl_x if from_angle is None else from_angle
    declared = Intrinsics(
        width=width,
        height=height,
        fl_x=fl_x,
        fl_y=fl_y,
        cx=_number(keys, "cx", where) if "cx" in keys else width / 2,
        cy=_number(keys, "cy", where) if "cy" in keys else height / 2,
        distortion=_distortion(keys, where),
        fisheye=fisheye,
    )
    _require_sane(declared, where)
    actual = picture.size_for(width, height)
    if not same_aspect((width, height), actual):
        raise DataError(
            f"{where} declares {width}x{height} pixels but its picture has {actual[0]}x{actual[1]}, which is another "
            "aspect: correct w and h, or put the right picture there."
        )
    return declared if actual == (width, height) else declared.resized(*actual)


def _require_sane(camera: Intrinsics, where: str) -> None:
    """Refuse what no lens has, such as lengths in other units than pixels.

    Raises:
        DataError: names the first length.
    """
    sides = (("x", camera.width), ("y", camera.height))
    for (axis, side), length, center in zip(sides, (camera.fl_x, camera.fl_y), (camera.cx, camera.cy), strict=True):
        if not LEAST_FOCAL * side <= length <= MOST_FOCAL * side:
            raise DataError(f"fl_{axis} of {where} must be a focal length in pixels, not {length:g} for {side} pixels.")
        if abs(center - side / 2) > MOST_CENTER * side:
            raise DataError(f"c{axis} of {where} must be near the picture, in pixels, not {center:g} of {side}.")
    corner = math.hypot(camera.width / camera.fl_x, camera.height / camera.fl_y)
    powers = (2, 4, 6, 8, 1, 1)  # of the distance from the centre that each coefficient goes with
    for key, value, power in zip(DISTORTION_KEYS, camera.distortion, powers, strict=True):
        if abs(value) * corner**power > MOST_BENT:
            raise DataError(f"{key} of {where} must be a coefficient of a lens, not {value:g}, which bends it away.")


def _is_fisheye(keys: Mapping[str, object], where: str) -> bool:
    """Whether the lens is a fisheye, by `camera_model`, instant-ngp's `is_fisheye`, or both if they agree."""
    other = next((key for key in OTHER_LENSES if keys.get(key) not in (None, False)), None)
    if other is not None:
        raise DataError(
            f"The lens of {where} is not supported ({other}): give pictures of a perspective or fisheye lens."
        )
    flag = keys.get("is_fisheye")
    if flag not in (None, True, False):
        raise DataError(f"is_fisheye of {where} must be true or false, not {shown(flag)}.")
    if "camera_model" not in keys:
        return bool(flag)
    model = keys["camera_model"]
    if model not in PERSPECTIVE_MODELS + FISHEYE_MODELS:
        raise DataError(
            f"The camera model {shown(model)} of {where} is not supported: use one of "
            f"{', '.join(PERSPECTIVE_MODELS + FISHEYE_MODELS)}."
        )
    fisheye = model in FISHEYE_MODELS
    if flag is not None and bool(flag) != fisheye:
        raise DataError(
            f"{where} says both camera_model {model} and is_fisheye {str(bool(flag)).lower()}: take the wrong one out."
        )
    return fisheye


def _distortion(keys: Mapping[str, object], where: str) -> tuple[float, float, float, float, float, float]:
    if "distortion_params" in keys:
        values = keys["distortion_params"]
        if not isinstance(values, list) or len(values) != len(DISTORTION_KEYS):
            raise DataError(f"distortion_params of {where} must be a list of six numbers, not {shown(values)}.")
        keys = dict(zip(DISTORTION_KEYS, values, strict=True))
    k1, k2, k3, k4, p1, p2 = (_number(keys, key, where) if key in keys else 0.0 for key in DISTORTION_KEYS)
    return k1, k2, k3, k4, p1, p2


def _number(keys: Mapping[str, object], key: str, where: str) -> float:
    number = finite(keys[key])
    if number is None:
        raise DataError(f"{key} of {where} must be a finite number, not {shown(keys[key])}.")
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


def _focal_length(keys: Mapping[str, object], axis: str, side: int, where: str) -> float | None:
    """Pixels, from the field of view along an axis of `side` pixels; None where it is not given."""
    for key, unit in ((f"camera_angle_{axis}", 1.0), (f"{axis}_fov", math.pi / 180)):
        if key in keys:
            angle = _number(keys, key, where) * unit
            if not 0 < angle < math.pi:
                limits = "0 and pi radians" if unit == 1.0 else "0 and 180 degrees"
                raise DataError(f"{key} of {where} must be an angle between {limits}, not {angle / unit:g}.")
            return 0.5 * side / math.tan(0.5 * angle)
    return None
