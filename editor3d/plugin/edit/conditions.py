"""The pictures that an edit changes: photographs, renders of the base, or a mixture of both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from editor3d.datasets.views.images import read_image
from editor3d.diffusion.sizing import resized
from editor3d.outputs.pictures import save_png, to_uint8
from editor3d.plugin.train.pictures import TrainingPictures
from editor3d.types import View

CONDITIONS = "conditions"
"""Folder of a run for the renders of the base."""
IN_WORDS = {
    "original": "the original photographs",
    "base": "renders of the base",
    "detailed": "renders of the base with the photographs' detail",
}


def with_detail(render: Tensor, photograph: Tensor, side: int) -> Tensor:
    """A render with what is finer in the photograph: low(render) + photograph - low(photograph).

    low is a picture scaled down and back. What an editor sees of the result is the render, which agrees with other
    views; what it does not see, and carries its change over to, is as sharp as the photograph.

    Args:
        render: [H, W, 3] in 0..1.
        photograph: the same.
        side: the shorter side that is scaled down to; nothing is finer than the full size.

    Returns:
        [H, W, 3] in 0..1.
    """
    height, width = render.shape[:2]
    if side >= min(height, width):
        return render
    scale = side / min(height, width)

    def low(picture: Tensor) -> Tensor:
        return resized(resized(picture, round(height * scale), round(width * scale)), height, width)

    return (low(render) + photograph - low(photograph)).clamp(0.0, 1.0)


def add_detail(views: Sequence[View], pictures: TrainingPictures, side: int) -> None:
    """Give renders of the base the detail of the views' photographs; see `with_detail`."""
    for index, view in enumerate(views):
        photograph = read_image(view, (view.width, view.height)).float() / 255.0
        detailed = with_detail(pictures[index].float() / 255.0, photograph, side)
        pictures.write(index, torch.from_numpy(to_uint8(detailed)))


def read_base_renders(
    folder: Path, views: Sequence[View], pictures: TrainingPictures, render: Callable[[int], Tensor]
) -> None:
    """Make `pictures` renders of the base; kept in `folder` for a resumed run.

    Args:
        render: a view's, [H, W, 3] in 0..1 by index; called for views that are not kept yet.

    Raises:
        Editor3DError: the disk is full.
    """
    for index, view in enumerate(views):
        path = folder / f"{view.name}.png"
        if not path.is_file():
            save_png(path, to_uint8(render(index)))
        pictures.write(index, read_image(path, (view.width, view.height)))
