"""Locate the person over all views: the garment, the face and the front."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras
from torch import Tensor

from editor3d.datasets.views.images import read_image
from editor3d.editors.try_on import segment
from editor3d.editors.try_on.light import luminance_of, well_lit
from editor3d.errors import DataError
from editor3d.files.writing import write_json
from editor3d.outputs.orbit import look_at_point, up_axis
from editor3d.outputs.pictures import save_png, to_uint8
from editor3d.types import View

GARMENT_FOLDER, FACE_FOLDER, FACTS = "garment", "face", "person.json"
LEAST_VIEWS = 0.25
"""A person, and what they wear, is seen in at least this share of the views."""
_LEAST_AREA = 0.003
_CHECKED_VIEWS = 8
FRONT_COSINE = 0.25
"""A face that differs from its back: how far the faces' mean direction must stand out, 0..1."""


@dataclass(frozen=True, eq=False)
class Person:
    """A captured person, view by view."""

    garments: tuple[Tensor, ...]
    """[H, W] bool by view: where something is worn above the waist; all False where nothing is seen of it."""
    faces: tuple[Tensor, ...]
    """[H, W] bool by view: where the face is."""
    turns: tuple[float, ...] | None
    """Radians by view, how far round the person it looks from; None where no faces tell the front."""
    worn: float
    """The luminance of what is worn where it is well lit, linear light."""


def check_person(views: Sequence[View], pictures: Callable[[View], Tensor], objects_of: Callable) -> None:
    """Refuse a capture without a person, by a look at some views.

    Args:
        pictures: a view's picture, [H, W, 3] in 0..1.
        objects_of: a view's masks of the data's objects.

    Raises:
        DataError: nobody is found.
        EditorUnavailableError: no masks show the person, and mediapipe is not installed.
    """
    chosen = [views[i] for i in np.unique(np.linspace(0, len(views) - 1, _CHECKED_VIEWS).round().astype(int))]
    _require_found(sum(_found(segment.parts_of(pictures(view), objects_of(view))) for view in chosen), len(chosen))


def find_person(
    folder: Path,
    views: Sequence[View],
    cameras: Cameras,
    picture_of: Callable[[int], Tensor],
    objects_of: Callable[[int], Mapping[str, Tensor]],
    data: str,
) -> Person:
    """Find the person in every view; kept in `folder` for as long as the pictures stay the same.

    Args:
        data: digest of what the views are read from, as `digest_together` gives it.
        picture_of: [H, W, 3] in 0..1 by a view's index.
        objects_of: masks of the data's objects by a view's index.

    Raises:
        DataError: nobody is found in most views.
        Editor3DError: the disk is full, or the folder cannot be written.
    """
    facts = folder / FACTS
    known = json.loads(facts.read_text(encoding="utf-8")) if facts.is_file() else {}
    if known.get("data") != data:
        found = 0
        for index, view in enumerate(views):
            parts = segment.parts_of(picture_of(index), objects_of(index))
            held = _found(parts)
            found += held
            nothing = np.zeros((view.height, view.width), bool)
            _save_mask(folder / GARMENT_FOLDER / f"{view.name}.png", parts.garment if parts and held else nothing)
            _save_mask(folder / FACE_FOLDER / f"{view.name}.png", nothing if parts is None else parts.face)
        _require_found(found, len(views))
    garments = tuple(_read_mask(folder / GARMENT_FOLDER / f"{view.name}.png", view) for view in views)
    faces = tuple(_read_mask(folder / FACE_FOLDER / f"{view.name}.png", view) for view in views)
    if known.get("data") != data:
        values = [luminance_of(picture_of(i).numpy())[mask.numpy()] for i, mask in enumerate(garments) if mask.any()]
        turns = turns_of(cameras, [float(mask.float().mean()) for mask in faces])
        known = {"data": data, "worn": well_lit(np.concatenate(values)), "turns": turns}
        write_json(facts, known)
    turns = known["turns"]
    return Person(garments, faces, None if turns is None else tuple(turns), float(known["worn"]))


def turns_of(cameras: Cameras, face_areas: Sequence[float]) -> list[float] | None:
    """How far round a person each camera stands, radians in -pi..pi, positive on the person's left.

    The front is the mean direction of the cameras, weighted by how much each sees of the face.

    Args:
        face_areas: share of each picture that shows the face.
    """
    c2w = cameras.camera_to_worlds.double().cpu().numpy()
    up, centre = up_axis(c2w), look_at_point(c2w[:, :, 3], -c2w[:, :, 2])
    offsets = c2w[:, :, 3] - centre
    flat = offsets - (offsets @ up)[:, None] * up
    distance = np.linalg.norm(flat, axis=1, keepdims=True)
    flat = flat / np.maximum(distance, 1e-9)
    # nearer cameras see a larger face
    weights = np.asarray(face_areas) * distance[:, 0] ** 2
    if weights.sum() <= 0:
        return None
    front = (weights[:, None] * flat).sum(0) / weights.sum()
    if np.linalg.norm(front) < FRONT_COSINE:
        return None
    front /= np.linalg.norm(front)
    left = np.cross(up, front)
    return np.arctan2(flat @ left, flat @ front).tolist()


def digest_of(view: View) -> str:
    """Hex digits of what an edit of a view reads of the capture: its picture, labels and mask."""
    digest = hashlib.blake2b(digest_size=8)
    for path in (view.image_path, view.labels_path, view.mask_path):
        digest.update(b"-" if path is None else path.read_bytes())
    digest.update(repr((view.width, view.height)).encode())
    return digest.hexdigest()


def digest_together(digests: Sequence[str]) -> str:
    """One of several views' digests, in their order."""
    return hashlib.blake2b("".join(digests).encode(), digest_size=8).hexdigest()


def _found(parts: segment.Parts | None) -> bool:
    return parts is not None and float(parts.garment.mean()) >= _LEAST_AREA


def _require_found(found: int, views: int) -> None:
    if found < max(1, round(LEAST_VIEWS * views)):
        raise DataError(
            f"Expected a capture of a person, found somebody in {found} of {views} views: give one that shows head and "
            f"shoulders, or label pictures that name the object 'garment'."
        )


def _save_mask(path: Path, mask: np.ndarray) -> None:
    save_png(path, to_uint8(torch.from_numpy(mask).float()[..., None].expand(-1, -1, 3)))


def _read_mask(path: Path, view: View) -> Tensor:
    return read_image(path, (view.width, view.height))[..., 0] > 127
