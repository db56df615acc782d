"""What an editor may know of the surface that a view shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # shapes are checked where tests run: tests/conftest.py
    from jaxtyping import Float, Float64
    from torch import Tensor

    from editor3d.types.regions import Shape


@dataclass(frozen=True, eq=False)
class ObjectFrame:
    """An object's own place, axes and size, the same in all views: patterns are laid out in it.

    It goes with the object: a scene that is scaled or turned has frames that are scaled or turned.
    """

    center: Float64[Tensor, " 3"]
    """[3] float64, the capture file's own frame."""
    axes: Float64[Tensor, "3 3"]
    """[3, 3] float64, rows: unit vectors to the right, towards the first view, and up; a rotation."""
    radius: float
    """The root mean square distance of the surface from the centre, scene units: a ball's radius for a ball."""
    light: float
    """Median luma (0..1) of the object over all views: what counts as medium light on it."""

    def local(self, points: Tensor) -> Tensor:
        """Points [..., 3] in the frame, float32: an object lies within about -2..2."""
        return ((points.double() - self.center) @ self.axes.T / self.radius).float()

    def turned(self, directions: Tensor) -> Tensor:
        """Unit vectors [..., 3] along the frame's axes, float32."""
        return (directions.double() @ self.axes.T).float()


class Sky(Protocol):
    """What the points of a scene see of the sky, the same for all views.

    Points and their normals, both [H, W, 3], are in the capture file's own frame.
    """

    def share(self, points: Float[Tensor, "h w 3"], normals: Float[Tensor, "h w 3"]) -> Float[Tensor, "h w"]:
        """The share of the sky that is free, as a clouded sky lights level ground: [H, W] in 0..1."""
        ...

    def reached(self, points: Tensor, normals: Tensor, toward: Tensor) -> Tensor:
        """How freely points see towards a far light that stands about where `toward` [3] points: [H, W] in 0..1."""
        ...


@dataclass(frozen=True, eq=False)
class ViewGeometry:
    """Where a view looks from and how far away is what it shows, in the capture file's own frame and units."""

    origin: Float64[Tensor, " 3"]
    """[3] float64, the camera's place."""
    directions: Float[Tensor, "h w 3"]
    """[H, W, 3], unit vectors through the pixel centres."""
    depth: Float[Tensor, "h w"]
    """[H, W], distance along each ray to what is there; infinite where nothing is."""
    region: Shape | None
    """Where the scene may change; None is everywhere."""
    low: Float64[Tensor, " 3"]
    """[3] float64, the lower corner of a box round the region, or round what all views show,"""
    high: Float64[Tensor, " 3"]
    """[3] float64, and its upper corner."""
    up: Float64[Tensor, " 3"]
    """[3] float64, unit vector: the scene's vertical."""
    normals: Float[Tensor, "h w 3"] | None = None
    """[H, W, 3] float32, unit vectors out of the surface, smoothed along it in 3D but not over edges, so that all views
    agree; 0 where nothing is. None for editors that need none."""
    concavity: Float[Tensor, "h w"] | None = None
    """[H, W] float32 in -1..1: above 0 in crevices, below on ridges, about 0 on what is flat. None as `normals`."""
    frame: ObjectFrame | None = None
    """The frame of all that the views show, or of what may change. None as `normals`."""
    frames: Mapping[str, ObjectFrame] = field(default_factory=dict)
    """Those of the objects that the data names."""

    sky: Sky | None = None
    """What the scene's points see of the sky. None as `normals`."""
    brightness: Float[Tensor, "h w"] | None = None
    """[H, W] float32 in 0..1: how bright the surface is (luma), by all views together and smoothed along it: its light,
    without highlights and fine texture; 0 where that is not known. None as `normals`."""

    @property
    def points(self) -> Float64[Tensor, "h w 3"]:
        """[H, W, 3] float64: what the pixels show; the camera's own place where nothing is."""
        far = self.depth.double()
        far = far.where(far.isfinite(), far.new_zeros(()))
        return self.origin + far[..., None] * self.directions.double()
