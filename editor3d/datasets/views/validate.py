"""The checks that every posed image set passes before any training."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from editor3d.datasets.views.headers import PictureInfo, inspect_picture
from editor3d.errors import DataError, shown
from editor3d.files import safe_open
from editor3d.types import View

ROTATION_TOLERANCE = 2e-3
"""Largest entry of |R^T R - 1|: what three printed decimals leave of a rotation."""

LARGEST = 1e30
"""Of any number: beyond it sums and squares leave what 32 bits can hold."""


def plain(name: object) -> str:
    """A name or path as messages have it: as it is, quoted where it is long or no text that is printed on one line."""
    text = str(name) if isinstance(name, Path) else name
    return text if isinstance(text, str) and text.isprintable() and len(text) < 300 else shown(text)


def finite(value: object) -> float | None:
    """A number of a file, or a text that is one, as a float; None where it is none, not finite, or beyond `LARGEST`."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and abs(number) <= LARGEST else None


def read_json(path: Path) -> dict:
    """Read a JSON object.

    Raises:
        DataError: the file cannot be read, is not JSON (the text gives the line), or not an object.
    """
    data = safe_open.read_json(path)
    if not isinstance(data, dict):
        raise DataError(f"{path} must hold a JSON object with a list of frames, not a {type(data).__name__}.")
    return data


def frame_list(data: Mapping[str, object], path: Path) -> list[dict]:
    """The frames of a transforms file.

    Raises:
        DataError: there are none, or one lacks `file_path` or `transform_matrix`.
    """
    frames = data.get("frames")
    if not isinstance(frames, list) or not frames:
        raise DataError(f"{path} must have a list of at least one frame under the key frames.")
    for index, frame in enumerate(frames):
        for key in ("file_path", "transform_matrix"):
            if not isinstance(frame, dict) or frame.get(key) is None:
                raise DataError(f"Frame {index} of {path} has no {key}.")
    return frames


def rigid_pose(matrix: object, where: str) -> np.ndarray:
    """A camera-to-world matrix as [3, 4] float64.

    A uniform scale of the axes (a scaled camera object; nerfstudio normalises its rays and never sees it) is taken out.

    Args:
        matrix: [4, 4] or [3, 4] numbers.
        where: names the frame in messages.

    Raises:
        DataError: it has another shape, is not finite, mirrors, shears or stretches.
    """
    try:
        pose = np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"The pose of {where} must be a 4x4 matrix of numbers, not {shown(matrix)}.") from error
    if pose.shape not in ((4, 4), (3, 4)):
        shape = "x".join(map(str, pose.shape)) or "a single number"
        raise DataError(f"The pose of {where} must be a 4x4 or 3x4 matrix, not {shape}.")
    if any(isinstance(entry, bool) for entry in np.array(matrix, dtype=object).flat):
        raise DataError(f"The pose of {where} has true or false among its entries: it must be a matrix of numbers.")
    if not np.isfinite(pose).all():
        raise DataError(f"The pose of {where} has NaN or infinite entries: correct it, or drop the frame.")
    if np.abs(pose).max() > LARGEST:
        raise DataError(f"The pose of {where} has an entry beyond {LARGEST:g}: correct it, or drop the frame.")
    if pose.shape[0] == 4 and not np.allclose(pose[3], (0, 0, 0, 1), atol=1e-6):
        raise DataError(f"The last row of the pose of {where} must be 0 0 0 1, not {_row(pose[3])}.")
    pose = pose[:3]
    axes = pose[:, :3]
    determinant = np.linalg.det(axes)
    if determinant <= 0:
        raise DataError(
            f"The pose of {where} mirrors space (determinant {determinant:.3g}): it must be camera-to-world with a "
            "right-handed rotation."
        )
    scale = np.cbrt(determinant)
    error = np.abs(axes.T @ axes / scale**2 - np.eye(3)).max()
    if error > ROTATION_TOLERANCE:
        raise DataError(
            f"The pose of {where} is no rotation and translation (R^T R is off the unit matrix by {error:.2g}): "
            "correct it, or drop the frame."
        )
    if abs(scale - 1) > ROTATION_TOLERANCE:
        pose[:, :3] = axes / scale
    return pose


def require_distinct(paths: Sequence[Path], source: str) -> None:
    """Refuse a picture that two frames name.

    Raises:
        DataError: names it.
    """
    seen: dict[str, int] = {}
    for index, path in enumerate(paths):
        first = seen.setdefault(os.path.normpath(path), index)
        if first != index:
            raise DataError(f"Frames {first} and {index} of {source} both name {plain(path)}: drop one of them.")


def is_file(path: Path) -> bool:
    """Whether there is an ordinary file; no error for what can be no path, such as a name that is too long."""
    try:
        return path.is_file()
    except OSError:
        return False


def require_files(paths: Iterable[Path | None], kind: str, source: str) -> None:
    """Refuse paths without a file behind them.

    Raises:
        DataError: names the first and counts them.
    """
    paths = [path for path in paths if path is not None]
    missing = [path for path in paths if not is_file(path)]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(paths)} {kind} that {source} names are missing; the first is {plain(missing[0])}."
        )


def require_all_or_none(paths: Sequence[Path | None], key: str, source: str) -> None:
    """Refuse a key that only some frames have, as nerfstudio does: a forgotten mask would be trained on.

    Raises:
        DataError: counts the frames.
    """
    given = sum(path is not None for path in paths)
    if 0 < given < len(paths):
        raise DataError(f"{given} of {len(paths)} frames of {source} have a {key}: give it for all, or for none.")


def inspect_pictures(paths: Sequence[Path]) -> list[PictureInfo]:
    """Headers of many pictures, each checked to be whole; decoders run beside each other.

    Raises:
        DataError: one is damaged; the first in order is named.
    """
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(inspect_picture, paths))


def require_views(views: Sequence[View], source: str) -> None:
    """Refuse a set that cannot be trained or judged.

    Raises:
        DataError: fewer than two training views, or no test view.
    """
    training = sum(view.split == "train" for view in views)
    if training < 2:
        raise DataError(f"{source} leaves {training} of {len(views)} views for training: at least 2 are needed.")
    if training == len(views):
        raise DataError(
            f"{source} holds no view out of training: name some in test_filenames, or leave the lists of filenames out."
        )


def object_ids(value: object, source: str) -> dict[str, int]:
    """The `objects` table of a transforms file: names, and the ids of the label pictures.

    Raises:
        DataError: it is not a table of names, or an id is outside 1..255 or given twice.
    """
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(_is_id(number) for number in value.values()):
        raise DataError(f"objects of {source} must give each object's name an id from 1 to 255, not {shown(value)}.")
    if len(set(value.values())) < len(value):
        raise DataError(f"objects of {source} gives one id to two objects: every name needs its own.")
    return dict(value)


def _is_id(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= 255


def _row(row: np.ndarray) -> str:
    return " ".join(f"{number:g}" for number in row)
