"""The colour behind a scene of Gaussians."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from editor3d.datasets.views.images import WHITE, masks_itself
from editor3d.types import View

BLACK = (0.0, 0.0, 0.0)


def is_transparent(views: Sequence[View]) -> bool:
    """Whether pictures of a capture have transparent parts, which are laid over white where they are read."""
    return any(view.transparent for view in views if not masks_itself(view))


def color_behind(given: Sequence[float] | None, transparent: bool, step: int | None = None) -> Tensor:
    """The colour behind a scene: [3] in 0..1.

    Args:
        given: the requested colour; None for that of the capture's pictures.
        transparent: whether these have transparent parts.
        step: of a training before another colour at every step; those pictures are laid over one colour, though.
    """
    if step is not None and not transparent:
        return color_of_step(step)
    if given is not None:
        return torch.tensor(given)
    return torch.tensor(WHITE if transparent else BLACK)


def color_of_step(step: int) -> Tensor:
    """A colour [3] in 0..1 that depends on the step alone, so that a resumed run sees the same ones."""
    return torch.rand(3, generator=torch.Generator().manual_seed(step))
