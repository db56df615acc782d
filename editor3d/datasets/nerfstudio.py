"""nerfstudio's `transforms.json`.

Beyond nerfstudio's keys two of our own name objects: `"objects": {"teapot": 1, …}` for the file, and per frame
`"labels_path": "labels/train_000.png"`, an 8-bit picture of their ids. Keys of a frame go before those of the file.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from editor3d.datasets import validate
from editor3d.datasets.frames import Frame, build_views, existing_picture
from editor3d.errors import DataError
from editor3d.types import PosedImages, Split

SPLIT_KEYS: dict[str, Split] = {"train_filenames": "train", "test_filenames": "test", "val_filenames": "test"}

CAMERA_KEYS = (
    *("camera_model", "w", "h", "fl_x", "fl_y", "cx", "cy", "camera_angle_x", "camera_angle_y"),
    *("k1", "k2", "k3", "k4", "p1", "p2", "distortion_params"),
)


def load(path: Path, *, downscale_factor: int, eval_interval: int) -> PosedImages:
    """Read a `transforms.json`.

    Lists of filenames decide on the split where there are any: named for training, or held out (`test_filenames` and
    `val_filenames` together). If only one side is listed the other gets the remaining frames; if both are, frames in
    neither are left out, as in nerfstudio.

    Sparse points (`ply_file_path`) are already in the frame of the poses: `applied_transform` led from the
    reconstruction to there and is not applied to them again.

    Args:
        path: the file.
        downscale_factor: see `load_posed_images`.
        eval_interval: see `load_posed_images`.

    Raises:
        DataError: the file, or what it names, is missing, broken or contradicts itself.
    """
    data = validate.read_json(path)
    root = path.parent
    frames = frames_of(data, path)
    splits = _listed_splits(data, [frame.image_path for frame in frames], path)
    if splits is not None:
        frames = [replace(frame, split=split) for frame, split in zip(frames, splits, strict=True) if split is not None]
    points, point_colors = None, None
    ply_path = validate.path_below(root, data, "ply_file_path", str(path))
    if ply_path is not None:
        points, point_colors = read_points(ply_path)
    return PosedImages(
        root=root,
        format="nerfstudio",
        views=build_views(
            frames,
            images_folder=root / "images",
            source=str(path),
            downscale_factor=downscale_factor,
            eval_interval=eval_interval,
        ),
        objects=validate.object_ids(data.get("objects"), str(path)),
        depth_scale=_depth_scale(data, path),
        points=points,
        point_colors=point_colors,
        downscale_factor=downscale_factor,
    )


def frames_of(data: Mapping[str, object], path: Path, split: Split | None = None) -> list[Frame]:
    """The frames of a transforms file whose content is `data`.

    Raises:
        DataError: there are none, or one is incomplete.
    """
    root = path.parent
    shared = {key: data[key] for key in CAMERA_KEYS if key in data}
    frames = []
    for index, keys in enumerate(validate.frame_list(data, path)):
        where = f"frame {index} ({keys['file_path']}) of {path}"
        frame = Frame(
            image_path=existing_picture(validate.path_below(root, keys, "file_path", where)),
            pose=keys["transform_matrix"],
            camera={**shared, **{key: keys[key] for key in CAMERA_KEYS if key in keys}},
            where=where,
            split=split,
            mask_path=validate.path_below(root, keys, "mask_path", where),
            labels_path=validate.path_below(root, keys, "labels_path", where),
            depth_path=validate.path_below(root, keys, "depth_file_path", where),
        )
        frames.append(frame)
    return frames


def read_points(path: Path) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Read sparse points from a PLY file.

    Returns:
        Points [N, 3] float64 and their colours [N, 3] uint8, None where the file has no colours; None and None where
        it has no points.

    Raises:
        DataError: the file is missing or broken.
    """
    if not path.is_file():
        raise DataError(f"The sparse points {path} are missing: put the file there, or take ply_file_path out.")
    status = path.stat()
    found = _read_points(path, status.st_mtime_ns, status.st_size)
    return tuple(None if array is None else array.copy() for array in found)


@lru_cache(maxsize=2)  # a run looks at its data several times
def _read_points(path: Path, modified: int, size: int) -> tuple[np.ndarray | None, np.ndarray | None]:
    """`read_points` of a file as it was written last."""
    import trimesh

    try:
        cloud = trimesh.load(path, file_type="ply", process=False)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"{path} cannot be read as a PLY file of points ({error}).") from error
    vertices = getattr(cloud, "vertices", ())
    if len(vertices) == 0:
        return None, None
    points = np.asarray(vertices, dtype=np.float64)
    if not np.isfinite(points).all():
        raise DataError(f"{path} has points with NaN or infinite coordinates: remove them.")
    colors = np.asarray(cloud.visual.vertex_colors)
    return points, colors[:, :3].astype(np.uint8) if len(colors) == len(points) else None


def _listed_splits(data: Mapping[str, object], paths: Sequence[Path], source: Path) -> list[Split | None] | None:
    """The split of every picture by the file's lists (None: in no list), or None where it has no lists."""
    listed: dict[Split, set[str]] = {}
    known = {os.path.normpath(path) for path in paths}
    for key, split in SPLIT_KEYS.items():
        if key not in data:
            continue
        names = data[key]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise DataError(f"{key} of {source} must be a list of paths as in file_path, not {names!r}.")
        named = {os.path.normpath(existing_picture(source.parent / name)): name for name in names}
        unknown = [name for path, name in named.items() if path not in known]
        if unknown:
            raise DataError(
                f"{key} of {source} names {len(unknown)} pictures that no frame has; the first is {unknown[0]}."
            )
        listed.setdefault(split, set()).update(named)
    if not listed:
        return None
    both = listed.get("train", set()) & listed.get("test", set())
    if both:
        raise DataError(
            f"{source} lists {len(both)} pictures both for training and as held out, such as {min(both)}: take them "
            "out of one of the lists."
        )
    if len(listed) == 1:
        (split,) = listed
        listed["test" if split == "train" else "train"] = known - listed[split]
    split_of = {path: split for split, split_paths in listed.items() for path in split_paths}
    return [split_of.get(os.path.normpath(path)) for path in paths]


def _depth_scale(data: Mapping[str, object], source: Path) -> float:
    value = data.get("depth_unit_scale_factor", 1e-3)
    if not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise DataError(f"depth_unit_scale_factor of {source} must be a positive number, not {value!r}.")
    return float(value)
