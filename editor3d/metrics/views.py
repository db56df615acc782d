"""The held-out views that an edit is judged by, before and after it, and its cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jaxtyping import Bool, Float
from torch import Tensor

from editor3d.geometry.camera import Camera


@dataclass(frozen=True, eq=False)
class HeldOutView:
    """One view that neither training nor editing saw. Pictures [H, W, 3] in 0..1, on the CPU."""

    name: str
    photo: Float[Tensor, "h w 3"]
    base_render: Float[Tensor, "h w 3"]
    """The reconstruction before the edit."""
    edited_render: Float[Tensor, "h w 3"]
    """The reconstruction after the edit."""
    region: Bool[Tensor, "h w"] | None = None
    """[H, W] bool, what the edit may change as this view sees it: an object, or what a 3D region touches; None scores
    the whole picture."""
    outside: Bool[Tensor, "h w"] | None = None
    """[H, W] bool, what the edit must leave unchanged; None is all that is not `region`."""
    truth: Float[Tensor, "h w 3"] | None = None
    """The scene truly edited, seen from this view; None where the truth is f(photo), or unknown."""
    reference_render: Float[Tensor, "h w 3"] | None = None
    """What a perfect edit of this reconstruction gives, seen from this view: for a true edit a reconstruction made
    from truly edited photographs."""
    photo_depth: Float[Tensor, "h w"] | None = None
    """True z-depth [H, W] before the edit, scene units; 0 or non-finite is unknown."""
    truth_depth: Float[Tensor, "h w"] | None = None
    """True z-depth [H, W] after the edit."""
    base_depth: Float[Tensor, "h w"] | None = None
    """z-depth [H, W] of the reconstruction before the edit."""
    edited_depth: Float[Tensor, "h w"] | None = None
    """z-depth [H, W] of the reconstruction after the edit."""
    camera: Camera | None = None
    """Needed to find the same points in other views."""
    objects: Mapping[str, Bool[Tensor, "h w"]] = field(default_factory=dict)
    """Masks [H, W] bool of the objects that the capture names, in this view."""

    @property
    def sees_region(self) -> bool:
        """Whether anything that the edit may change is in the picture."""
        return self.region is None or bool(self.region.any())

    @property
    def kept(self) -> Bool[Tensor, "h w"] | None:
        """[H, W] bool, what the edit must leave unchanged; None where that is nothing."""
        kept = self.outside if self.region is None or self.outside is not None else ~self.region
        return kept if kept is not None and bool(kept.any()) else None


@dataclass(frozen=True)
class Cost:
    """What the edit took."""

    edits_2d: int
    """Pictures edited by the 2D editor."""
    seconds: float
    """Wall-clock time of the edit, without training the base."""


def mean(values: Sequence[float | None]) -> float | None:
    """Of those that exist; None where none does."""
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None
