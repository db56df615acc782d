"""The poses and lenses of a file or folder, whose pictures need not be there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from editor3d.datasets.formats import colmap, nerf_synthetic, nerfstudio
from editor3d.datasets.formats.frames import Frame
from editor3d.datasets.reduce import MAX_SIDE
from editor3d.datasets.views import validate
from editor3d.datasets.views.headers import PictureInfo, inspect_picture
from editor3d.datasets.views.intrinsics import parse_intrinsics
from editor3d.errors import DataError
from editor3d.files import safe_open
from editor3d.types import MAX_CAMERAS, MIN_CAMERAS, Intrinsics, Split, View

HELD_OUT = 8
"""Every so many views."""
LONGEST_SIDE = MAX_SIDE
"""Pixels that pictures of larger cameras are reduced to, as photographs are."""


def load_cameras(path: Path, longest_side: int = LONGEST_SIDE) -> tuple[View, ...]:
    """The cameras of a `transforms.json`, a `cameras.json` of 3D Gaussian Splatting, a COLMAP model, or of a capture
    that has one of them, as they are and in their file's own frame.

    Args:
        path: a .json file or a folder.
        longest_side: of the views, pixels; larger ones are reduced over the same field of view.

    Returns:
        Views `view_000` and on in the order of the file, without pictures; every eighth is held out.

    Raises:
        DataError: there are no cameras there, too few, too many, or broken ones.
    """
    views = [
        View(
            name="",
            image_path=Path(),
            split="train",
            c2w=validate.rigid_pose(frame.pose, frame.where),
            **asdict(_lens(frame)),
        )
        for frame in _frames(path)
    ]
    return numbered(views, path, longest_side)


def numbered(views: Sequence[View], path: Path, longest_side: int) -> tuple[View, ...]:
    """Views as `load_cameras` gives them: named and split by their order, and no larger than requested.

    Raises:
        DataError: they are too few or too many; `path` says where they come from.
    """
    if not MIN_CAMERAS <= len(views) <= MAX_CAMERAS:
        raise DataError(
            f"Expected {MIN_CAMERAS} to {MAX_CAMERAS} cameras in {path}, found {len(views)}: give a file with as many, "
            "or a number of cameras to have them chosen."
        )
    return tuple(
        replace(limit_side(view, longest_side), name=view_name(index), split=split_of(index))
        for index, view in enumerate(views)
    )


def view_name(index: int) -> str:
    """Of a view that no picture names."""
    return f"view_{index:03d}"


def split_of(index: int) -> Split:
    """Of a view where nothing says which are held out."""
    return "train" if index % HELD_OUT else "test"


def _frames(path: Path) -> Sequence[Frame]:
    if path.is_dir():
        for name in ("transforms.json", nerf_synthetic.TRAIN_FILE, "cameras.json"):
            if (path / name).is_file():
                return _frames(path / name)
        models = colmap.find_models(path)
        if not models:
            raise DataError(
                f"Expected cameras in {path}, found none: give a transforms.json, a cameras.json, the folder of a "
                "COLMAP model, a capture or a run."
            )
        return colmap.frames_of(path, models)
    if path.suffix.lower() != ".json":
        raise DataError(f"Expected a .json file or a folder with cameras, got {path}: give a transforms.json, say.")
    body = safe_open.read_json(path)
    if isinstance(body, list):
        return list(_gaussian_splatting_frames(body, path))
    if not isinstance(body, dict):
        raise DataError(f"Expected a list of frames or cameras in {path}, found a {type(body).__name__}: check it.")
    return nerfstudio.frames_of(body, path)


def _gaussian_splatting_frames(cameras: Sequence[Any], path: Path) -> Iterable[Frame]:
    """Of the `cameras.json` that 3D Gaussian Splatting writes beside its results: rotations are camera to world, with
    OpenCV's axes, positions the cameras' own."""
    for index, camera in enumerate(cameras):
        where = f"camera {index} of {path}"
        missing = {"position", "rotation", "width", "height", "fx", "fy"} - set(
            camera if isinstance(camera, Mapping) else ()
        )
        if missing:
            raise DataError(f"Expected {', '.join(sorted(missing))} in {where}, found none: check what wrote the file.")
        try:
            rotation = np.array(camera["rotation"], dtype=np.float64) * [1.0, -1.0, -1.0]
            pose = np.concatenate([rotation, np.array(camera["position"], dtype=np.float64)[:, None]], 1)
        except (TypeError, ValueError, IndexError, OverflowError) as error:
            raise DataError(
                f"Expected a rotation of 3x3 and a position of 3 numbers in {where}, found others: check what wrote it."
            ) from error
        lens = {"w": camera["width"], "h": camera["height"], "fl_x": camera["fx"], "fl_y": camera["fy"]}
        yield Frame(image_path=path, pose=pose, camera=lens, where=where)


def _lens(frame: Frame) -> Intrinsics:
    """The lens of a frame; its picture is looked at only where nothing else tells the size."""
    keys = frame.camera
    if "w" in keys and "h" in keys:
        # as it says: the size is then checked against itself
        return parse_intrinsics(keys, PictureInfo(_size(keys["w"]), _size(keys["h"])), frame.where)
    picture = frame.image_path
    if not picture.is_file():
        raise DataError(f"Expected the size of the pictures (w and h) of {frame.where}, found none: add it.")
    return parse_intrinsics(keys, inspect_picture(picture), frame.where)


def _size(value: object) -> int:
    """The number itself where it is one of pixels; 1 else, for `parse_intrinsics` to say what is wrong with it."""
    return int(max(1.0, validate.finite(value) or 1.0))


def limit_side(view: View, longest_side: int) -> View:
    """The view with sides of at most so many pixels, over the same field of view."""
    largest = max(view.width, view.height)
    if largest <= longest_side:
        return view
    size = (max(1, round(side * longest_side / largest)) for side in (view.width, view.height))
    return view.resized(*size)
