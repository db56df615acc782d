"""nerfstudio's `transforms.json`.

Beyond nerfstudio's keys two of our own name objects: `"objects": {"teapot": 1, …}` for the file, and per frame
`"labels_path": "labels/train_000.png"`, a picture of their ids. Keys of a frame go before those of the file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from editor3d.datasets.formats.frames import Frame, build_views, without_missing_depth
from editor3d.datasets.formats.named_files import NamedFiles, named_path
from editor3d.datasets.formats.point_cloud import SparsePoints, read_ply_points
from editor3d.datasets.views import validate
from editor3d.datasets.views.intrinsics import CAMERA_KEYS
from editor3d.errors import DataError, shown
from editor3d.files.safe_open import require_inside
from editor3d.types import PosedImages, Split

SPLIT_KEYS: dict[str, Split] = {"train_filenames": "train", "test_filenames": "test", "val_filenames": "test"}

_KINDS_OF_LENS = ("camera_model", "is_fisheye")
"""Two names of one thing: where a frame has one of them, neither of its file's counts."""


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
    root = path.parent
    data = validate.read_json(require_inside(path, root))
    files = NamedFiles(root)
    frames = frames_of(data, path, files=files)
    splits = _listed_splits(data, frames, path, files)
    if splits is not None:
        frames = [replace(frame, split=split) for frame, split in zip(frames, splits, strict=True) if split is not None]
    frames, notes = without_missing_depth(frames)
    points = SparsePoints(None, None)
    ply_path = named_path(files, data.get("ply_file_path"), "ply_file_path", str(path))
    if ply_path is not None:
        points = read_ply_points(ply_path)
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
        points=points.places,
        point_colors=points.colors,
        downscale_factor=downscale_factor,
        notes=(path.name, *points.notes, *notes),
    )


def frames_of(
    data: Mapping[str, object], path: Path, split: Split | None = None, files: NamedFiles | None = None
) -> list[Frame]:
    """The frames of a transforms file whose content is `data`.

    Args:
        data: the content.
        path: the file; paths in it count from its folder.
        split: that of all its frames, if it has one.
        files: finds the files it names; made for its folder unless given.

    Raises:
        DataError: there are none, or one is incomplete.
    """
    files = NamedFiles(path.parent) if files is None else files
    shared = _camera_keys(data)
    frames = []
    for index, keys in enumerate(validate.frame_list(data, path)):
        name = keys["file_path"]
        where = f"frame {index} ({validate.plain(name)}) of {path}"
        own = _camera_keys(keys)
        inherited = shared
        if any(key in own for key in _KINDS_OF_LENS):
            inherited = {key: value for key, value in shared.items() if key not in _KINDS_OF_LENS}
        depth = next((key for key in ("depth_file_path", "depth_path") if keys.get(key) is not None), "depth_file_path")
        image_path = named_path(files, name, "file_path", where)
        assert image_path is not None  # `frame_list` has seen the key
        frame = Frame(
            image_path=image_path,
            pose=keys["transform_matrix"],
            camera={**inherited, **own},
            where=where,
            split=split,
            mask_path=named_path(files, keys.get("mask_path"), "mask_path", where),
            labels_path=named_path(files, keys.get("labels_path"), "labels_path", where),
            depth_path=named_path(files, keys.get(depth), depth, where),
        )
        frames.append(frame)
    return frames


def _camera_keys(keys: Mapping[str, object]) -> dict[str, object]:
    """What describes a camera; null is no value."""
    return {key: keys[key] for key in CAMERA_KEYS if keys.get(key) is not None}


def _listed_splits(
    data: Mapping[str, object], frames: list[Frame], source: Path, files: NamedFiles
) -> list[Split | None] | None:
    """The split of every frame by the file's lists (None: in no list), or None where it has no lists."""
    listed: dict[Split, set[str]] = {}
    paths = [os.path.normpath(frame.image_path) for frame in frames]
    known = set(paths)
    for key, split in SPLIT_KEYS.items():
        if key not in data:
            continue
        names = data[key]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise DataError(f"{key} of {source} must be a list of paths as in file_path, not {shown(names)}.")
        named = {os.path.normpath(files.find(name)): name for name in names}
        unknown = [name for path, name in named.items() if path not in known]
        if unknown:
            raise DataError(
                f"{key} of {source} names {len(unknown)} pictures that no frame has; the first is {shown(unknown[0])}."
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
        other: Split = "test" if split == "train" else "train"
        listed[other] = known - listed[split]
    split_of: dict[str, Split] = {path: split for split, split_paths in listed.items() for path in split_paths}
    return [split_of.get(path) for path in paths]


def _depth_scale(data: Mapping[str, object], source: Path) -> float:
    """Scene units per unit of the depth files; instant-ngp has a name of its own for it."""
    for key in ("depth_unit_scale_factor", "integer_depth_scale"):
        if data.get(key) is not None:
            value = validate.finite(data[key])
            if value is None or value <= 0:
                raise DataError(f"{key} of {source} must be a positive number, not {shown(data[key])}.")
            return value
    return 1e-3
