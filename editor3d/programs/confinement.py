"""Which objects an edit is about, and the rest of the picture left as it is.

`turn the ball into gold` is about the ball. The imagined picture, or a given target, then counts where the ball is
seen, and elsewhere the target is the first program's own picture: a search that turns the whole room golden gets
farther from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from editor3d.errors import ConfigError, InstructionError
from editor3d.outputs.pictures import save_png
from editor3d.programs.core.options import RefineRequest
from editor3d.programs.imagination import Imagination
from editor3d.programs.language.vocabulary import Vocabulary
from editor3d.programs.request import read_picture

OBJECTS = "objects.png"
"""The picture of where the named objects are, in a run's folder: 1 + the index of the name, else 0."""
UNSEEN_TYPES = frozenset(["LIGHT", "CAMERA", "EMPTY", "ARMATURE", "LATTICE", "SPEAKER", "LIGHT_PROBE"])
MARGIN = 0.01
"""Of the picture's longer side, by which a region reaches over its objects' borders: mixed pixels, and what moves."""
LEAST = 9
"""Pixels of an object that is seen."""


@dataclass(frozen=True)
class About:
    """What an edit is about."""

    names: tuple[str, ...] = ()
    """Objects; none where it is about the whole picture."""
    find: Callable[[Sequence[str]], Mapping[str, np.ndarray]] = lambda names: {}
    """Gives the masks [H, W] bool of objects in the first program's picture."""


EVERYTHING = About()


def chosen_objects(request: RefineRequest, vocabulary: Vocabulary, imagination: Imagination | None) -> tuple[str, ...]:
    """The objects that a request names by `objects`, or else by its instruction; none where it is about all.

    Args:
        imagination: an editor that can tell what an instruction is about is asked.

    Raises:
        ConfigError: the scene has no object of such a name.
    """
    from editor3d.editors.masking import named_objects

    seen = visible_objects(vocabulary)
    wanted = [name.strip() for name in request.objects.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in seen]
    if unknown:
        raise ConfigError(
            f"Expected names of objects that a picture of this scene may show, got {unknown[0]!r}: choose of "
            f"{', '.join(seen[:30])}."
        )
    if wanted or not request.instruction.strip():
        return tuple(wanted)
    if imagination is not None and imagination.tells_objects:
        return imagination.edited_objects(seen)
    try:
        return named_objects(request.instruction, seen)
    except InstructionError:  # a word that may mean several: the editor says so, where it matters
        return ()


def visible_objects(vocabulary: Vocabulary) -> tuple[str, ...]:
    """Names of a scene's objects that a picture may show."""
    return tuple(name for name, kind in vocabulary.objects.items() if kind not in UNSEEN_TYPES)[:255]


def object_masks(
    folder: Path, names: Sequence[str], find: Callable[[Sequence[str]], Mapping[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Masks [H, W] bool by name, found once in a run and kept in its folder.

    Raises:
        ConfigError: none of them is seen.
    """
    path = folder / OBJECTS
    if not path.is_file():
        found = find(names)
        labels = np.zeros(next(iter(found.values())).shape, np.uint8)
        for index, name in enumerate(names):
            labels[found[name]] = index + 1
        save_png(path, np.repeat(labels[..., None], 3, axis=-1))
    labels = read_picture(path)[..., 0]
    masks = {name: labels == index + 1 for index, name in enumerate(names)}
    if not any(mask.sum() >= LEAST for mask in masks.values()):
        raise ConfigError(
            f"Expected to see {', '.join(names)} in the scene's picture, found nothing of it: choose other objects, or "
            "another camera by --camera."
        )
    return masks


def region_of(masks: Mapping[str, np.ndarray]) -> np.ndarray:
    """Where the objects are [H, W] bool, and a narrow margin around them."""
    together = np.any(list(masks.values()), axis=0)
    return ndimage.binary_dilation(together, iterations=max(1, round(MARGIN * max(together.shape))))


def halved_region(region: np.ndarray) -> np.ndarray:
    """A region [H, W] at half its size: what is at least half inside; H and W even."""
    height, width = region.shape
    return region.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)) >= 0.5


def confined(image: np.ndarray, first: np.ndarray, region: np.ndarray) -> np.ndarray:
    """A picture [H, W, 3] uint8 within a region [H, W] bool, and the first program's elsewhere."""
    return np.where(region[..., None], image, first)
