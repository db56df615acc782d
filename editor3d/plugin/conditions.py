"""The pictures that an edit changes: the photographs, or renders of the base in their place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from torch import Tensor

from editor3d.datasets.images import read_image
from editor3d.outputs.pictures import save_png, to_uint8
from editor3d.plugin.pictures import TrainingPictures
from editor3d.types import View

CONDITIONS = "conditions"
"""Folder of a run for the renders of the base."""
AS_ASKED = "as asked"
"""Why these pictures, where nothing was left to choose."""


def suited_condition(base_is_edit: bool, named: Sequence[str]) -> tuple[Literal["original", "base"], str]:
    """What `condition_on: auto` means, and why.

    Args:
        base_is_edit: the base is itself the result of an edit.
        named: the objects that the instruction is about.
    """
    if base_is_edit:
        return "base", "the base is itself the result of an edit"
    if named:
        return "base", f"the instruction is about {', '.join(named)}, and all else stays as it is"
    return "original", "the instruction is about the whole picture"


def read_base_renders(
    folder: Path, views: Sequence[View], pictures: TrainingPictures, render: Callable[[int], Tensor]
) -> None:
    """Make `pictures` renders of the base; kept in `folder` for a resumed run.

    Args:
        render: a view's, [H, W, 3] in 0..1 by index; asked for what is not kept yet.

    Raises:
        Editor3DError: the disk is full.
    """
    for index, view in enumerate(views):
        path = folder / f"{view.name}.png"
        if not path.is_file():
            save_png(path, to_uint8(render(index)))
        pictures.write(index, read_image(path, (view.width, view.height)))
