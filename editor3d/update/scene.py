"""What the update sees of a scene, and what each of its requests has in common."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from editor3d.types import DIFFUSION_STEPS, GUIDANCE_SCALE, Garment, View, ViewGeometry


@dataclass(frozen=True)
class Guidance:
    """What each request of one edit has in common."""

    instruction: str
    editor: str
    """The editor's spec, so that stored pictures of another are never taken for this one's."""
    guidance_scale: float = GUIDANCE_SCALE
    image_guidance_scale: float = 1.5
    diffusion_steps: int = DIFFUSION_STEPS
    garment: str = ""
    """Digest of the garment's picture, so that stored pictures of another are never taken for this one's."""


@dataclass(frozen=True)
class Scene:
    """The engine's view of a scene: functions of a view's index."""

    views: Sequence[View]
    render: Callable[[int], Tensor]
    """The scene now, seen from a view: [H, W, 3] float 0..1."""
    condition: Callable[[int], Tensor]
    """The picture that is edited: [H, W, 3] float 0..1."""
    object_names: Collection[str]
    """The objects that the data has masks of."""
    objects: Callable[[int], Mapping[str, Tensor]]
    """Masks of the named objects in a view: [H, W] bool each."""
    store: Callable[[int, Tensor], None]
    """Make a picture [H, W, 3] uint8 the one that a view is trained on from now on."""
    mask: Callable[[int], Tensor | None] = lambda index: None
    """Where a view may change: [H, W] bool; None is everywhere. A view whose mask is empty is left out."""
    geometry: Callable[[int], ViewGeometry | None] = lambda index: None
    """Asked for only where the editor needs it, or uses it for the instruction; None where it is not known."""
    garment: Callable[[int], Garment | None] = lambda index: None
    """Asked for only where the editor needs it."""
    weigh: Callable[[int, Tensor], None] = lambda index, weight: None
    """Let the pixels of a view count as much as [H, W] in 0..1 says from now on."""
    changing: Callable[[int], Tensor | None] = lambda index: None
    """Where an edit of a view is meant to change it: [H, W] bool; None is everywhere, or not known."""
    seen: Callable[[int], str] = lambda index: ""
    """Digest of what an edit of a view reads of the data; stored pictures made from other data are not taken. Empty
    where nobody keeps one."""

    def inside(self, index: int) -> Tensor | None:
        """Where an edit of a view changes it: [H, W] bool; None is everywhere, or not known."""
        mask = self.mask(index)
        return self.changing(index) if mask is None else mask
