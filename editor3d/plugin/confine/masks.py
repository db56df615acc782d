"""Render the masks of a region in space, whether or not something is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from scipy import ndimage
from torch import Tensor

from editor3d.errors import DataError, RegionError
from editor3d.plugin.confine.regions import CaptureRegion, hull_holds
from editor3d.plugin.train.scene import PluginModel
from editor3d.plugin.views.rays import LensTable, camera_rays
from editor3d.regions import bounds_of, chosen, seen_parts
from editor3d.regions.shapes import slab
from editor3d.types import MaskedRegion, PosedImages, Region, SeenRegion, Shape, Solid, View, ViewGeometry

SAMPLES = 96
"""Places along a ray, within the box round a region, that are tested."""
_PROBES = 96
"""Along each side of the cameras' cube, where the size of a hull is looked for."""
_CHUNK = 1 << 14
_LEAST_SHARE = 0.01
"""Of the box round a region, that the region is taken to fill where it is filled with points."""
_REACH = 1.5
"""Half the side of the cube, scene units, in which a hull is looked for; cameras are within 1."""


def require_shapes(region: Region, purpose: str = "to put something into") -> None:
    """Refuse a region that does not cover empty space.

    Args:
        purpose: what it is for, for the refusal.

    Raises:
        RegionError: a part is known by what the scene shows only, or it has no end.
    """
    for part in seen_parts(region):
        if not part.is_hull:
            raise RegionError(
                f"Expected a region of shapes {purpose}, got one of what pictures show "
                f"({part.to_json()['type']}): give box:..., sphere:..., mesh:FILE or hull:FOLDER."
            )
    if bounds_of(region) is None and not seen_parts(region):
        raise RegionError("Expected a region that ends somewhere, got one without bounds: add a box around it.")


@dataclass(frozen=True, eq=False)
class SpaceRegion:
    """A region that knows about any point of a run's scene: shapes, hulls of masks, and what is made of them.

    Points are in scene units; `frame` tells what the capture's own are.
    """

    region: Region
    frame: CaptureRegion
    cameras: Cameras
    masks: Mapping[SeenRegion, Mapping[int, Tensor]]
    """[H, W] bool by the index of a camera, of every hull."""
    low: Tensor
    """[3], the lower corner of a box round it, in scene units,"""
    high: Tensor
    """[3], and its upper corner."""

    @staticmethod
    def of(
        region: Region,
        outputs: DataparserOutputs,
        cameras: Cameras,
        views: tuple[View, ...],
        posed: PosedImages,
    ) -> SpaceRegion:
        """
        Args:
            region: in the capture's frame.
            outputs: what the capture's frame is to the scene's.
            cameras: of the training views, whose masks hulls are made of.
            views: the training views.
            posed: the capture.

        Raises:
            RegionError: a part is known by what the scene shows only, it has no end, or nothing lies in it.
        """
        require_shapes(region)
        masks = {}
        for hull in seen_parts(region):
            assert isinstance(hull, MaskedRegion)
            hull.check(posed)
            masks[hull] = hull.masks(views, posed.objects)
        frame, known = CaptureRegion.of(region, outputs), bounds_of(region)
        found = SpaceRegion(region, frame, cameras, masks, torch.full((3,), -_REACH), torch.full((3,), _REACH))
        if known is None:
            low, high = found._probed()
        else:
            corners = frame.to_scene(torch.cartesian_prod(*torch.tensor(known, dtype=torch.float64).T))
            low, high = corners.amin(0).float(), corners.amax(0).float()
        return replace(found, low=low, high=high)

    def contains(self, points: Tensor) -> Tensor:
        """Which points lie inside: [..., 3] scene units -> bool [...]."""
        flat = points.reshape(-1, 3)

        def vote(part: SeenRegion) -> Tensor:
            return hull_holds(flat, self.cameras, self.masks[part]).to(points.device)

        return chosen(self.region, self.frame.to_capture(flat), vote).view(points.shape[:-1])

    def to_json(self) -> dict[str, Any]:
        """The region in the capture's frame, as it was written down."""
        return self.region.to_json()

    def _probed(self) -> tuple[Tensor, Tensor]:
        axis = torch.linspace(-_REACH, _REACH, _PROBES)
        points = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).view(-1, 3)
        inside = points[self.contains(points)]
        if not len(inside):
            raise RegionError(
                "Expected masks whose cones meet somewhere, found none of them in common: check that they show the "
                "same place in every view."
            )
        step = 2 * _REACH / (_PROBES - 1)
        return inside.amin(0) - step, inside.amax(0) + step

    def entry(self, origins: Tensor, directions: Tensor) -> Tensor:
        """How far away rays [N, 3] first meet the region, scene units: [N], infinite where they do not."""
        near, far = slab(origins, directions, self.low.to(origins), self.high.to(origins))
        out = torch.full_like(near, torch.inf)
        meets = (far > near).nonzero()[:, 0]
        if isinstance(self.region, Solid):
            rotation = self.frame.transform[:, :3].to(origins.device).double()
            found = self.region.entry(self.frame.to_capture(origins[meets]), directions[meets].double() @ rotation)
            out[meets] = (found * self.frame.scale).to(out)
            return out
        steps = (torch.arange(SAMPLES, device=origins.device) + 0.5) / SAMPLES
        for part in meets.split(_CHUNK):
            t = near[part, None] + (far - near)[part, None] * steps
            inside = self.contains(origins[part, None] + t[..., None] * directions[part, None])
            first = inside.int().argmax(1, keepdim=True)
            distance = t.gather(1, first)[:, 0]
            out[part] = torch.where(inside.any(1), distance, torch.inf)
        return out


def pixels_that_meet(space: SpaceRegion, cameras: Cameras) -> list[Tensor]:
    """The pixels of each camera whose rays meet a region, be it hidden or not: [H, W] bool each.

    Raises:
        DataError: there are none.
    """
    lenses, masks = LensTable(), []
    for index in range(len(cameras)):
        rays = camera_rays(cameras, index, lenses, "cpu")
        size = int(cameras.height[index]), int(cameras.width[index])
        masks.append(space.entry(rays.origins, rays.directions).isfinite().view(size))
    if not any(bool(mask.any()) for mask in masks):
        raise DataError(
            f"Expected views that show the region, found none of {len(masks)}: check its numbers, which are in the "
            f"capture's own frame."
        )
    return masks


def filled(space: SpaceRegion, count: int) -> Tensor:
    """About so many points in a region, as evenly spread as at random: one anywhere in each cell of a lattice.

    Returns:
        [n, 3] float32 scene units, on the CPU; the same ones every time.
    """
    extent = (space.high - space.low).double()
    share = 1.0  # of the box round it that the region takes up
    for _ in range(2):
        cells = (extent / (extent.prod() * share / count) ** (1 / 3)).ceil().long().clamp_min(1)
        axes = [torch.arange(n, dtype=torch.float64) for n in cells.tolist()]
        corners = torch.cartesian_prod(*axes)
        generator = torch.Generator().manual_seed(0)
        within = (corners + torch.rand(corners.shape, dtype=torch.float64, generator=generator)) / cells
        points = (space.low.double() + within * extent).float()
        points = points[space.contains(points)]
        share = max(len(points) / len(corners), _LEAST_SHARE)
    return points


def dilated(mask: Tensor, radius: int) -> Tensor:
    """A mask [H, W] bool grown by a disc."""
    if radius < 1 or not bool(mask.any()):
        return mask
    outside = np.asarray(ndimage.distance_transform_edt(~mask.numpy()))
    return torch.from_numpy(outside <= radius)


@dataclass(frozen=True, eq=False)
class RegionView:
    """One view's share of a region."""

    mask: Tensor
    """[H, W] bool: where the region is seen, hidden parts left out."""
    canvas: Tensor
    """[H, W] bool: where the box round the region is, hidden or not."""
    colors: Tensor
    """[n, 3] 0..1, what the scene shows on the canvas, row by row."""
    distance: Tensor
    """[H, W] to what the scene shows there, scene units; infinite where nothing is, and off the canvas."""


@torch.no_grad()
def look_at(model: PluginModel, camera: Cameras, region: SpaceRegion, lenses: LensTable) -> RegionView:
    """Where one view shows a region.

    NeRF-Insert renders the region opaque and white in the scene's own density, black elsewhere, and takes what is above
    1/2. That is where transmittance is above 1/2 as a ray enters the region: where it enters before the distance at
    which transmittance falls below 1/2.

    Args:
        model: a scene in evaluation mode.
        camera: one of the run's, [1].
    """
    rays = camera_rays(camera, 0, lenses, "cpu")
    size = int(camera.height[0]), int(camera.width[0])
    near, far = slab(rays.origins, rays.directions, region.low, region.high)
    canvas = (far > near).view(size)
    outputs = model.outputs_at(camera.to(model.device), canvas)
    seen = torch.where(outputs["accumulation"] > 0.5, outputs["depth"], torch.inf)[:, 0].cpu()
    distance, mask = torch.full(size, torch.inf), torch.zeros(size, dtype=torch.bool)
    distance[canvas] = seen
    mask[canvas] = region.entry(*(part.view(*size, 3)[canvas] for part in (rays.origins, rays.directions))) < seen
    return RegionView(mask, canvas, outputs["rgb"].cpu(), distance)


@dataclass(frozen=True, eq=False)
class InCapture:
    """A region of a run's scene that answers in the capture's frame."""

    space: SpaceRegion

    def contains(self, points: Tensor) -> Tensor:
        """Which points lie inside: [..., 3] -> bool [...]."""
        return self.space.contains(self.space.frame.to_scene(points))

    def to_json(self) -> dict[str, Any]:
        """The region as it was written down."""
        return self.space.region.to_json()


def geometry_of(space: SpaceRegion, cameras: Cameras, index: int, distance: Tensor, lenses: LensTable) -> ViewGeometry:
    """What an editor that inserts things into the scene gets for a view.

    Args:
        distance: [H, W] scene units, to what the scene shows.
    """
    rays, frame = camera_rays(cameras, index, lenses, "cpu"), space.frame
    rotation = frame.transform[:, :3].double().cpu()
    corners = frame.to_capture(torch.cartesian_prod(*torch.stack([space.low, space.high], 1)))
    shape = InCapture(space) if space.masks else space.region
    assert isinstance(shape, Shape)
    return ViewGeometry(
        origin=frame.to_capture(rays.origins[0]),
        directions=(rays.directions.double() @ rotation).view(*distance.shape, 3),
        depth=distance.double() / frame.scale,
        region=shape,
        low=corners.amin(0),
        high=corners.amax(0),
        up=torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64) @ rotation,
    )
