"""Writing a capture that any program can read: pictures, and nerfstudio's `transforms.json`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from editor3d.datasets.views.images import read_mask
from editor3d.datasets.views.intrinsics import DISTORTION_KEYS
from editor3d.errors import ConfigError
from editor3d.files.writing import write_json
from editor3d.outputs.pictures import save_png
from editor3d.outputs.surface import write_points
from editor3d.types import PosedImages, View

if TYPE_CHECKING:
    from torch import Tensor

POINTS_FILE = "sparse_points.ply"


def write_capture(
    folder: Path, posed: PosedImages, views: Iterable[View], picture_of: Callable[[int, View], Tensor | np.ndarray]
) -> int:
    """Write views with new pictures as a nerfstudio capture; poses and intrinsics, distortion included, stay theirs.

    `images/<view>.png`, `masks/<view>.png` for views with a mask, the sparse points, and last `transforms.json`.

    Args:
        folder: where to; not the capture's own folder, whose pictures it would replace.
        views: some of `posed.views`, at least one.
        picture_of: the picture [H, W, 3] of a view, float 0..1 or uint8, given its place in `views` and the view.

    Returns:
        The number of views.

    Raises:
        ConfigError: `folder` is the capture's own.
        Editor3DError: the disk is full, or the folder cannot be written.
    """
    if folder.resolve() == posed.root.resolve():
        raise ConfigError(f"Expected another folder than the capture's own, got {folder}: its pictures would be lost.")
    frames, lenses = [], []
    for index, view in enumerate(views):
        save_png(folder / "images" / f"{view.name}.png", picture_of(index, view))
        frame = {"file_path": f"images/{view.name}.png", "transform_matrix": [*view.c2w.tolist(), [0.0, 0.0, 0.0, 1.0]]}
        mask = read_mask(view)
        if mask is not None:
            frame["mask_path"] = f"masks/{view.name}.png"
            save_png(folder / frame["mask_path"], mask[..., None].expand(-1, -1, 3).numpy().astype(np.uint8) * 255)
        frames.append(frame)
        lenses.append(_lens(view))
    # Many programs look for intrinsics at the top only: what all frames share goes there.
    shared = {key: value for key, value in lenses[0].items() if all(lens[key] == value for lens in lenses)}
    for frame, lens in zip(frames, lenses, strict=True):
        frame.update({key: value for key, value in lens.items() if key not in shared})
    body: dict[str, object] = {**shared, "frames": frames}
    if posed.points is not None:
        body["ply_file_path"] = POINTS_FILE
        grey = np.full(posed.points.shape, 128, np.uint8)
        write_points(folder / POINTS_FILE, posed.points, grey if posed.point_colors is None else posed.point_colors)
    write_json(folder / "transforms.json", body)
    return len(frames)


def _lens(view: View) -> dict[str, object]:
    return {
        "camera_model": "OPENCV_FISHEYE" if view.fisheye else "OPENCV",
        "w": view.width,
        "h": view.height,
        "fl_x": view.fl_x,
        "fl_y": view.fl_y,
        "cx": view.cx,
        "cy": view.cy,
        **dict(zip(DISTORTION_KEYS, view.distortion, strict=True)),
    }
