"""Objects of a capture that a user named: kept beside the outputs, never in the capture, and found by every command.

    HOME/NAME-DIGITS/objects.json    names, ids, and which folder holds the label pictures
                     ID/VIEW.png         where an object is, one bit a pixel
                     own/VIEW.png        ids of the capture's own objects
                     labels-N/VIEW.png   these, and the named objects above them

HOME is `outputs/objects` in the current folder, or what EDITOR3D_OBJECTS names. DIGITS tell the capture by the names
and poses of its views, wherever it lies and however large its pictures are read.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from editor3d.datasets.views import validate
from editor3d.datasets.views.images import read_object_masks
from editor3d.errors import DataError
from editor3d.files.safe_open import open_picture
from editor3d.files.writing import replacing, write_json
from editor3d.types import PosedImages, View

OBJECTS_VARIABLE, OBJECTS_HOME, OBJECTS_FILE = "EDITOR3D_OBJECTS", Path("outputs/objects"), "objects.json"
MAX_NAME, MAX_ID = 64, 255
_OWN = "own"


def folder_of(posed: PosedImages, home: Path | None = None) -> Path:
    """Where the named objects of a capture are kept, whether or not there are any.

    Args:
        home: the folder for all captures; by default as the module says.
    """
    home = home or Path(os.environ.get(OBJECTS_VARIABLE) or OBJECTS_HOME)
    digest = hashlib.blake2b(digest_size=6)
    for view in sorted(posed.views, key=lambda view: view.name):
        digest.update(repr((view.name, view.c2w.tolist())).encode())
    return home.expanduser().absolute() / f"{posed.root.resolve().name}-{digest.hexdigest()}"


def with_added(posed: PosedImages, folder: Path | None = None) -> PosedImages:
    """A capture with the objects that were named in it, and label pictures that show them.

    Args:
        folder: where they are; by default `folder_of` it.

    Raises:
        DataError: what is kept of them is damaged.
    """
    home = Path(os.environ.get(OBJECTS_VARIABLE) or OBJECTS_HOME).expanduser()
    if folder is None and not home.is_dir():
        return posed
    folder = folder or folder_of(posed)
    if not (folder / OBJECTS_FILE).is_file():
        return posed
    added, labels = _read(folder)
    if not added:
        return posed

    def labelled(view: View) -> View:
        path = folder / labels / f"{view.name}.png"
        return replace(view, labels_path=path) if path.is_file() else view

    return replace(posed, objects={**posed.objects, **added}, views=tuple(map(labelled, posed.views)))


def added_names(posed: PosedImages, folder: Path | None = None) -> dict[str, int]:
    """Names and ids of the objects that were named in a capture.

    Raises:
        DataError: as `with_added`.
    """
    folder = folder or folder_of(posed)
    return _read(folder)[0] if (folder / OBJECTS_FILE).is_file() else {}


def check_name(name: str) -> str:
    """An object's name, blanks at its ends left out.

    Raises:
        DataError: it is none.
    """
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME or not all(word.isprintable() for word in name) or not name[0].isalnum():
        raise DataError(
            f"Expected a name of 1 to {MAX_NAME} characters for the object, got {name!r:.80}: a noun, such as bear."
        )
    return name


def add_object(posed: PosedImages, name: str, masks: Mapping[str, np.ndarray], folder: Path | None = None) -> Path:
    """Name what masks show; an object of that name that was added before is replaced.

    Args:
        posed: the capture, without added objects or with them.
        masks: [H, W] bool by the names of views.
        folder: where objects of the capture are kept; by default `folder_of` it.

    Returns:
        The folder.

    Raises:
        DataError: the name is none, one of the capture's own objects, or there are too many.
        Editor3DError: the disk is full, or the folder cannot be written.
    """
    name, folder = check_name(name), folder or folder_of(posed)
    added = added_names(posed, folder)
    own = {key: value for key, value in posed.objects.items() if key not in added}
    if name in own:
        raise DataError(f"Expected another name than those of the capture's own objects, got {name}: choose another.")
    free = (number for number in range(1, MAX_ID + 1) if number not in {*own.values(), *added.values()})
    number = added.get(name) or next(free, 0)
    if not number:
        raise DataError(f"Expected at most {MAX_ID} objects in a capture, it has as many: remove one first.")
    for view, mask in masks.items():
        _write(folder / str(number) / f"{view}.png", np.asarray(mask, bool))
    _relabel(posed, folder, {**added, name: number})
    return folder


def remove_object(posed: PosedImages, name: str, folder: Path | None = None) -> None:
    """Forget an object that was added.

    Raises:
        DataError: none of that name was.
        Editor3DError: as `add_object`.
    """
    folder = folder or folder_of(posed)
    added = added_names(posed, folder)
    if name not in added:
        known = f"those are {', '.join(added)}" if added else "there is none"
        raise DataError(f"Expected an object that was added to {posed.root}, got {name}: {known}.")
    number = added.pop(name)
    _relabel(posed, folder, added)
    shutil.rmtree(folder / str(number), ignore_errors=True)


def _relabel(posed: PosedImages, folder: Path, added: Mapping[str, int]) -> None:
    """Make the label pictures of all views anew, in a folder that nothing reads yet; then say that it is theirs."""
    known = (folder / OBJECTS_FILE).is_file()
    before = _read(folder)[1] if known else "labels-0"
    labels = f"labels-{int(before.rpartition('-')[2]) + 1}"
    shutil.rmtree(folder / labels, ignore_errors=True)  # of a process that was killed
    for view in posed.views:
        if not known and view.labels_path is not None:  # from here on views may have other label pictures
            _write(folder / _OWN / f"{view.name}.png", _own_labels(view, posed.objects))
        parts = [folder / str(number) / f"{view.name}.png" for number in added.values()]
        pictures = {number: _pixels(path) for number, path in zip(added.values(), parts, strict=True) if path.is_file()}
        own = folder / _OWN / f"{view.name}.png"
        if pictures or own.is_file():
            _write(folder / labels / f"{view.name}.png", _over(_pixels(own) if own.is_file() else None, pictures))
    write_json(folder / OBJECTS_FILE, {"objects": dict(added), "labels": labels})
    shutil.rmtree(folder / before, ignore_errors=True)


def _own_labels(view: View, objects: Mapping[str, int]) -> np.ndarray:
    """The ids of a view's own label picture, [H, W] uint8."""
    picture = np.zeros((view.height, view.width), np.uint8)
    for name, mask in read_object_masks(view, objects).items():
        picture[mask.numpy()] = objects[name]
    return picture


def _over(own: np.ndarray | None, masks: Mapping[int, np.ndarray]) -> np.ndarray:
    """Ids [H, W] of masks over those that are there, as large as the largest of them; at least one is given."""
    sizes = [mask.shape for mask in masks.values()] + ([] if own is None else [own.shape])
    shape = max(sizes)
    picture = np.zeros(shape, np.uint8) if own is None else _enlarged(own, shape)
    for number, mask in masks.items():
        picture[_enlarged(mask, shape) > 0] = number
    return picture


def _enlarged(pixels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The nearest pixels, [H, W] uint8."""
    if pixels.shape == shape:
        return pixels.astype(np.uint8)
    return np.array(Image.fromarray(pixels.astype(np.uint8)).resize((shape[1], shape[0]), Image.Resampling.NEAREST))


def _pixels(path: Path) -> np.ndarray:
    with open_picture(path) as picture:
        return np.array(picture)


def _read(folder: Path) -> tuple[dict[str, int], str]:
    """Names and ids of the objects, and the folder of their label pictures."""
    path = folder / OBJECTS_FILE
    value = validate.read_json(path)
    labels = value.get("labels")
    if (
        not isinstance(labels, str)
        or not labels.removeprefix("labels-").isdecimal()
        or not labels.startswith("labels-")
    ):
        raise DataError(
            f"Expected the folder of label pictures in {path}, found none: delete it, and name objects anew."
        )
    return validate.object_ids(value.get("objects"), str(path)), labels


def _write(path: Path, pixels: np.ndarray) -> None:
    with replacing(path) as partial:
        Image.fromarray(pixels).save(partial)
