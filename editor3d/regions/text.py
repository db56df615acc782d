"""Regions in words: masks by GroundingDINO and SAM, else the capture's objects of that name."""

from __future__ import annotations

import hashlib
import reprlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Any

from editor3d.datasets.views.images import read_image, read_mask, read_object_masks
from editor3d.errors import InstructionError, RegionError
from editor3d.language.tokens import split_words
from editor3d.language.vocabulary import PREPOSITIONS
from editor3d.outputs.pictures import save_png
from editor3d.regions.text_weights import Finder, find_finder, how_to_get_finder
from editor3d.types import MaskedRegion

if TYPE_CHECKING:
    from torch import Tensor

    from editor3d.types import PosedImages, View

_RELATIONS = PREPOSITIONS | frozenset(
    ["above", "around", "behind", "below", "beneath", "beside", "besides", "between", "but", "except", "left"]
    + ["near", "not", "opposite", "over", "right", "than", "towards", "without"]
)
"""Words after which a phrase means something else than the object that it names: "the table without the teapot"."""
_DIGITS = 16


@dataclass(frozen=True)
class TextRegion(MaskedRegion):
    """What a phrase names: "the teapot".

    GroundingDINO (Liu et al. 2023) finds it as boxes in each training view, SAM (Kirillov et al. 2023) the outline in a
    box. Without their weights the phrase must name objects that the capture has label pictures of.

    Raises:
        RegionError: no text.
    """

    text: str

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not any(character.isalnum() for character in self.text):
            raise RegionError(f"Expected words for what the region is, not {reprlib.repr(self.text)}.")
        object.__setattr__(self, "text", " ".join(self.text.split()))

    def check(self, posed: PosedImages) -> None:
        """Refuse a phrase that nothing here can find. Cheap: loads no weights.

        Raises:
            RegionError: weights are missing, and the capture has no object of that name, or a word may mean several.
        """
        if find_finder() is None:
            self._objects(posed.objects, any(view.labels_path is not None for view in posed.train_views))

    def source(self, objects: Collection[str]) -> str:
        """By what it is found, in a few words for the record: the two models, or objects of the capture.

        Raises:
            RegionError: as `check`.
        """
        finder = find_finder()
        return str(finder) if finder else f"object {', '.join(self._objects(objects))}"

    def masks(
        self, views: Sequence[View], objects: Mapping[str, int], folder: Path | None = None, device: str = "cpu"
    ) -> dict[int, Tensor]:
        """Where it is in those of `views` that show it: [H, W] bool by index.

        A view in which the models find nothing has no mask: they may have overlooked it there.

        Args:
            folder: masks that the models find are kept in it, and found there again as long as phrase, picture and
                weights are the same.
            device: of the models.

        Raises:
            RegionError: as `check`, or the models find it in no view.
            DataError: a picture cannot be read.
            Editor3DError: the disk is full, or the folder cannot be written.
        """
        finder = find_finder()
        if finder is not None:
            return self._found(views, finder, folder, device)
        labelled = {index: view for index, view in enumerate(views) if view.labels_path is not None}
        wanted = {name: objects[name] for name in self._objects(objects, bool(labelled))}
        masks = {}
        for index, view in labelled.items():
            first, *others = read_object_masks(view, wanted).values()
            masks[index] = reduce(or_, others, first)
        return masks

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {"type": "text", "text": self.text}

    def _objects(self, objects: Collection[str], labelled: bool = True) -> tuple[str, ...]:
        """The objects that it names."""
        from editor3d.editors.masking import named_objects

        remedy = f"{how_to_get_finder()}, or give object:NAME, masks:FOLDER or box:..."
        lacks = f"Expected GroundingDINO and SAM to find '{self.text}' in pictures, but their weights are not all here"
        if not labelled or not objects:
            raise RegionError(f"{lacks}, and the capture has no label pictures of objects: {remedy}.")
        try:
            names = named_objects(self.text, objects)
        except InstructionError as error:
            raise RegionError(f"{lacks}, and {str(error).rstrip('.')}; or {remedy}.") from error
        known = ", ".join(sorted(objects))
        if not names:
            raise RegionError(f"{lacks}, and it names none of the capture's objects ({known}): {remedy}.")
        relations = sorted(_RELATIONS.intersection(split_words(self.text)))
        if relations:
            raise RegionError(
                f"{lacks}, and names of the capture's objects ({known}) do not say what '{relations[0]}' means in it: "
                f"{remedy}."
            )
        return names

    def _found(self, views: Sequence[View], finder: Finder, folder: Path | None, device: str) -> dict[int, Tensor]:
        from editor3d.regions.text_models import load_finder

        find, masks, weights = None, {}, finder.digest() if folder else ""
        for index, view in enumerate(views):
            kept = folder and folder / f"{view.name}.{self._key(view, weights)}.png"
            if kept and kept.is_file():
                mask = read_mask(replace(view, mask_path=kept))
                assert mask is not None
            else:
                find = find or load_finder(finder, device)
                mask = find(self.text, read_image(view))
                if kept:
                    save_png(kept, mask[..., None].expand(-1, -1, 3).float())
            if bool(mask.any()):
                masks[index] = mask
        if not masks:
            raise RegionError(
                f"Expected to find '{self.text}' in the capture's pictures, found it in none of {len(views)} by "
                f"{finder}: say it in other words, or give masks:FOLDER or box:...."
            )
        return masks

    def _key(self, view: View, weights: str) -> str:
        """Hex digits of all that a mask depends on."""
        made = hashlib.sha256(f"{weights} {view.width}x{view.height} {self.text.lower()}\n".encode())
        made.update(view.image_path.read_bytes())
        return made.hexdigest()[:_DIGITS]
