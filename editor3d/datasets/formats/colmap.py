"""COLMAP sparse models, binary or text, with their pictures in `images/` and masks, if any, in `masks/`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from editor3d.datasets.formats import colmap_files
from editor3d.datasets.formats.colmap_files import ColmapCamera, ColmapImage
from editor3d.datasets.formats.frames import Frame, build_views
from editor3d.datasets.formats.named_files import NamedFiles
from editor3d.datasets.formats.point_cloud import SparsePoints, read_ply_points, with_places
from editor3d.datasets.views.validate import is_file, plain
from editor3d.errors import DataError
from editor3d.files.safe_open import require_inside
from editor3d.types import PosedImages

MODEL_FOLDERS = ("sparse", "colmap/sparse", ".")
"""Where models are looked for: in these folders, and in each folder of the first two (`sparse/0`)."""
MASK_FOLDERS = ("masks", "mask")

_FOCAL, _FOCALS = ("fl_x", "cx", "cy"), ("fl_x", "fl_y", "cx", "cy")
_LENSES: dict[str, tuple[str, tuple[str, ...]]] = {
    "SIMPLE_PINHOLE": ("OPENCV", _FOCAL),
    "PINHOLE": ("OPENCV", _FOCALS),
    "SIMPLE_RADIAL": ("OPENCV", (*_FOCAL, "k1")),
    "RADIAL": ("OPENCV", (*_FOCAL, "k1", "k2")),
    "OPENCV": ("OPENCV", (*_FOCALS, "k1", "k2", "p1", "p2")),
    "SIMPLE_FISHEYE": ("OPENCV_FISHEYE", _FOCAL),
    "FISHEYE": ("OPENCV_FISHEYE", _FOCALS),
    "SIMPLE_RADIAL_FISHEYE": ("OPENCV_FISHEYE", (*_FOCAL, "k1")),
    "RADIAL_FISHEYE": ("OPENCV_FISHEYE", (*_FOCAL, "k1", "k2")),
    "OPENCV_FISHEYE": ("OPENCV_FISHEYE", (*_FOCALS, "k1", "k2", "k3", "k4")),
}
"""COLMAP's camera models that are OpenCV's without some of its parameters: OpenCV's, and the keys of their own."""


@dataclass(frozen=True, eq=False)
class SparseModel:
    """One reconstruction of a capture."""

    folder: Path
    cameras: dict[int, ColmapCamera]
    images: list[ColmapImage]
    points: SparsePoints


def find_models(root: Path) -> list[Path]:
    """The folders of a capture that hold a sparse model, by number: `sparse/2` before `sparse/10`."""
    places = []
    for name in MODEL_FOLDERS:
        folder = root / name
        places.append(folder)
        if name != "." and folder.is_dir():
            places += sorted((path for path in folder.iterdir() if path.is_dir()), key=_by_number)
    return [place for place in places if colmap_files.find_part(place, "cameras") is not None]


def _by_number(path: Path) -> tuple[int, int, str]:
    return (0, int(path.name), "") if re.fullmatch(r"[0-9]{1,18}", path.name) else (1, 0, path.name)


def load(root: Path, models: Sequence[Path], *, downscale_factor: int, eval_interval: int) -> PosedImages:
    """Read the largest of a capture's sparse models: that of most pictures, the first of several such.

    World coordinates stay COLMAP's; the cameras' axes become OpenGL's (COLMAP's look along +z with y down).

    Args:
        root: the capture; its pictures are in `images/`. A mask of `images/a/b.jpg` is `masks/a/b.jpg.png`, as COLMAP
            has it, or `masks/a/b.png`; black is not trained on.
        models: their folders, at least one: of `cameras`, `images` and, if there are points, `points3D`, `.bin` or
            `.txt`, or `points3D.ply`.
        downscale_factor: see `load_posed_images`.
        eval_interval: see `load_posed_images`.

    Raises:
        DataError: no model is whole, a picture is missing or broken, or a camera model is not supported.
    """
    model, notes = _largest(root, models)
    frames, mask_notes = _with_masks(root, _frames(root, model))
    return PosedImages(
        root=root,
        format="colmap",
        views=build_views(
            frames,
            images_folder=root / "images",
            source=str(model.folder),
            downscale_factor=downscale_factor,
            eval_interval=eval_interval,
        ),
        points=model.points.places,
        point_colors=model.points.colors,
        downscale_factor=downscale_factor,
        notes=(*notes, *model.points.notes, *mask_notes),
    )


def _largest(root: Path, folders: Sequence[Path]) -> tuple[SparseModel, tuple[str, ...]]:
    """The model of most pictures, and which it is."""
    whole: list[SparseModel] = []
    broken: list[tuple[Path, DataError]] = []
    for folder in folders:
        try:
            whole.append(read_model(root, folder))
        except DataError as error:
            broken.append((folder, error))
    if not whole:
        raise broken[0][1]
    best = max(whole, key=lambda model: len(model.images))
    notes = [f"model {_name(root, best.folder)} of {len(folders)}"]
    smaller = [f"{_name(root, model.folder)} has {len(model.images)} views" for model in whole if model is not best]
    notes += smaller[:2] + ([f"{len(smaller) - 2} more are smaller"] if len(smaller) > 2 else [])
    notes += [f"{_name(root, folder)} is damaged" for folder, _ in broken]
    return best, tuple(notes)


def _name(root: Path, folder: Path) -> str:
    return folder.relative_to(root).as_posix()


def read_model(root: Path, folder: Path) -> SparseModel:
    """Read one of a capture's models.

    Raises:
        DataError: it is damaged, has no pictures, or a link of it leads out of the capture.
    """
    cameras, images, points = colmap_files.find_parts(folder)
    for path in (cameras, images, points):
        if path is not None:
            require_inside(path, root)
    found = colmap_files.read_images(images)
    if not found:
        raise DataError(f"The COLMAP model {folder} has no images: COLMAP registered none of them.")
    return SparseModel(folder, colmap_files.read_cameras(cameras), found, _points(root, folder, points))


def _points(root: Path, folder: Path, path: Path | None) -> SparsePoints:
    if path is not None:
        return with_places(*colmap_files.read_points(path), path)
    other = folder / "points3D.ply"  # some programs keep this alone
    return read_ply_points(require_inside(other, root)) if other.exists() else SparsePoints(None, None)


def frames_of(root: Path, models: Sequence[Path]) -> list[Frame]:
    """The frames of the largest of a capture's models, whose pictures need not be there; see `load`.

    Raises:
        DataError: no model is whole, or a camera model is not supported.
    """
    return _frames(root, _largest(root, models)[0])


def _frames(root: Path, model: SparseModel) -> list[Frame]:
    files = NamedFiles(root / "images")
    frames = []
    for image in model.images:
        where = f"image {image.id} ({plain(image.name)}) of {model.folder}"
        camera = model.cameras.get(image.camera_id)
        if camera is None:
            raise _without_camera(image, model, where)
        frame = Frame(
            image_path=require_inside(files.find(image.name), root),
            pose=_camera_to_world(image, where),
            camera=_camera_keys(camera, where),
            where=where,
        )
        frames.append(frame)
    return frames


def _without_camera(image: ColmapImage, model: SparseModel, where: str) -> DataError:
    unknown = next((camera for camera in model.cameras.values() if not camera.parameters), None)
    if unknown is not None:  # what follows it in the file cannot be read
        return _unsupported(unknown, where)
    return DataError(f"The camera {image.camera_id} of {where} is not in the model: write the model anew.")


def _unsupported(camera: ColmapCamera, where: str) -> DataError:
    return DataError(
        f"The camera model {camera.model[:60]} of {where} is not supported: undistort the pictures with "
        "`colmap image_undistorter`, or reconstruct with the model OPENCV."
    )


def _camera_keys(camera: ColmapCamera, where: str) -> dict[str, object]:
    """A camera under the keys that nerfstudio has for it."""
    if camera.model not in _LENSES:
        raise _unsupported(camera, where)
    model, keys = _LENSES[camera.model]
    parameters = dict(zip(keys, camera.parameters, strict=True))
    return {"camera_model": model, "w": camera.width, "h": camera.height, **parameters}


def _camera_to_world(image: ColmapImage, where: str) -> np.ndarray:
    """[3, 4] OpenGL camera-to-world of COLMAP's x_camera = R x_world + t."""
    quaternion, translation = np.array(image.quaternion), np.array(image.translation)
    length = np.linalg.norm(quaternion)
    if not np.isfinite([length, *translation]).all() or not 1e-6 < length < 1e6:
        raise DataError(f"The pose of {where} is none: its quaternion must not be zero, all its numbers finite.")
    w, x, y, z = quaternion / length
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    axes = rotation.T * np.array([1.0, -1.0, -1.0])
    return np.concatenate([axes, -rotation.T @ translation[:, None]], axis=1)


def _with_masks(root: Path, frames: list[Frame]) -> tuple[list[Frame], tuple[str, ...]]:
    """Frames with the masks that are in the capture's folder of masks, and a note about them if there is any to make.

    Raises:
        DataError: only some pictures have one.
    """
    folder = next((root / name for name in MASK_FOLDERS if (root / name).is_dir()), None)
    if folder is None:
        return frames, ()
    files = NamedFiles(folder)
    found = [_mask_of(frame.image_path, root, files) for frame in frames]
    given = sum(path is not None for path in found)
    if given == 0:
        return frames, (f"{folder.name} names none of the pictures",)
    if given < len(frames):
        lacking = next(frame.image_path for frame, path in zip(frames, found, strict=True) if path is None)
        raise DataError(
            f"{given} of {len(frames)} pictures have a mask in {folder}, {plain(lacking)} has none: add the others, or "
            f"rename the folder to do without."
        )
    return [replace(frame, mask_path=path) for frame, path in zip(frames, found, strict=True)], ()


def _mask_of(picture: Path, root: Path, files: NamedFiles) -> Path | None:
    images = root / "images"
    below = picture.relative_to(images) if picture.is_relative_to(images) else Path(picture.name)
    if not below.name:
        return None
    stem = below.with_suffix("").as_posix()
    for name in (f"{below.as_posix()}.png", f"{stem}.png", below.as_posix(), stem):
        path = files.find(name)
        if is_file(path):
            return require_inside(path, root)
    return None
