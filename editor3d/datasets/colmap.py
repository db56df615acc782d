"""COLMAP sparse models, binary or text, with their pictures in `images/`."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from editor3d.datasets.frames import Frame, build_views
from editor3d.errors import DataError
from editor3d.types import PosedImages

MODEL_FOLDERS = ("sparse/0", "colmap/sparse/0", "sparse")

UNREADABLE = (OSError, ValueError, LookupError, AssertionError, struct.error)
"""What nerfstudio's readers raise on a file that is cut off or of another kind."""


def find_model(root: Path) -> Path | None:
    """The folder of the sparse model in a capture, or None."""
    return next((root / place for place in MODEL_FOLDERS if is_model(root / place)), None)


def is_model(folder: Path) -> bool:
    """Whether a folder is itself a sparse model."""
    return any((folder / f"cameras{suffix}").is_file() for suffix in (".bin", ".txt"))


def load(root: Path, model: Path, *, downscale_factor: int, eval_interval: int) -> PosedImages:
    """Read a sparse model.

    World coordinates stay COLMAP's; the cameras' axes become OpenGL's (COLMAP's look along +z with y down).

    Args:
        root: the capture; its pictures are in `images/`.
        model: the folder of `cameras`, `images` and, if there are points, `points3D`, `.bin` or `.txt`.
        downscale_factor: see `load_posed_images`.
        eval_interval: see `load_posed_images`.

    Raises:
        DataError: the model or a picture is missing or broken, or a camera model is not supported.
    """
    frames = frames_of(root, model)
    points, point_colors = _read_points(model)
    return PosedImages(
        root=root,
        format="colmap",
        views=build_views(
            frames,
            images_folder=root / "images",
            source=str(model),
            downscale_factor=downscale_factor,
            eval_interval=eval_interval,
        ),
        points=points,
        point_colors=point_colors,
        downscale_factor=downscale_factor,
    )


def frames_of(root: Path, model: Path) -> list[Frame]:
    """The frames of a sparse model, whose pictures need not be there.

    Raises:
        DataError: the model is broken, has no images, or a camera model is not supported.
    """
    from nerfstudio.data.utils import colmap_parsing_utils as reader
    from nerfstudio.process_data.colmap_utils import parse_colmap_camera_params

    cameras = _read(model, "cameras", reader.read_cameras_binary, reader.read_cameras_text)
    images = _read(model, "images", reader.read_images_binary, reader.read_images_text)
    frames = []
    for image in images.values():
        where = f"image {image.id} ({image.name}) of {model}"
        camera = cameras.get(image.camera_id)
        if camera is None:
            raise DataError(f"The camera {image.camera_id} of {where} is not in the model.")
        try:
            camera_keys = parse_colmap_camera_params(camera)
        except NotImplementedError as error:
            raise DataError(
                f"The camera model {camera.model} of {where} is not supported: undistort the pictures with "
                "`colmap image_undistorter`, or reconstruct with the model OPENCV."
            ) from error
        frame = Frame(
            image_path=root / "images" / image.name,
            pose=_camera_to_world(reader.qvec2rotmat(image.qvec), image.tvec),
            camera=camera_keys,
            where=where,
        )
        frames.append(frame)
    if not frames:
        raise DataError(f"The COLMAP model {model} has no images: COLMAP registered none of them.")
    return frames


def _camera_to_world(rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """[3, 4] OpenGL camera-to-world of COLMAP's x_camera = R x_world + t."""
    axes = rotation.T * np.array([1.0, -1.0, -1.0])
    return np.concatenate([axes, -rotation.T @ translation[:, None]], axis=1)


def _read_points(model: Path) -> tuple[np.ndarray | None, np.ndarray | None]:
    from nerfstudio.data.utils import colmap_parsing_utils as reader

    if not any((model / f"points3D{suffix}").is_file() for suffix in (".bin", ".txt")):
        return None, None
    points = _read(model, "points3D", reader.read_points3D_binary, reader.read_points3D_text).values()
    if not points:
        return None, None
    return (
        np.array([point.xyz for point in points], dtype=np.float64),
        np.array([point.rgb for point in points], dtype=np.uint8),
    )


def _read(model: Path, part: str, read_binary: Callable[[Path], Any], read_text: Callable[[Path], Any]) -> dict:
    """One of the model's files by its number, the binary one where both are there."""
    for path, read in ((model / f"{part}.bin", read_binary), (model / f"{part}.txt", read_text)):
        if path.is_file():
            try:
                return read(path)
            except UNREADABLE as error:
                raise DataError(f"{path} cannot be read as a COLMAP model ({error!r}).") from error
    raise DataError(f"The COLMAP model {model} has no {part}.bin or {part}.txt.")
