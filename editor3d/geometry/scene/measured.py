"""The surface of a capture whose depth was measured."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from editor3d.datasets.orient import oriented
from editor3d.datasets.views.images import read_depth, read_image, read_object_masks
from editor3d.geometry.camera import Camera
from editor3d.geometry.scene.scene_surface import FUSED_SIDE, SceneSurface, SeenView
from editor3d.geometry.surface import SeenSurface
from editor3d.types import PosedImages, View, ViewGeometry


def measured_distance(view: View, scale: float) -> Tensor | None:
    """The distance [H, W] along each pixel's ray that a capture's own depth tells, 0 where unknown; None without one.

    Args:
        scale: as `read_depth`.

    Raises:
        DataError: as `read_depth`.
    """
    depth = read_depth(view, scale)
    if depth is None:
        return None
    ahead = Camera.of_view(view).cosines()
    return torch.where(ahead > 1e-3, depth.double() / ahead.clamp(min=1e-3), torch.zeros((), dtype=torch.float64))


class MeasuredSurface:
    """What the views of a capture show of its surface, by the depth of each.

    Args:
        posed: all of its views have depth. Training views are fused, in the order of their pictures' names.

    Raises:
        DataError: a depth or a picture cannot be read.
    """

    def __init__(self, posed: PosedImages) -> None:
        self._scale = posed.depth_scale
        views = sorted(posed.train_views, key=lambda view: view.image_path)
        _, transform = oriented(np.stack([view.c2w for view in posed.views]), "up", "none")

        def seen(index: int) -> SeenView:
            view = views[index]
            surface = SeenSurface.of_distance(Camera.of_view(view), self._distance(view)).reduced(FUSED_SIDE)
            return SeenView(surface, read_image(view).float() / 255.0, read_object_masks(view, posed.objects))

        self.surface = SceneSurface.of(len(views), seen, transform[2, :3])

    def view(self, view: View) -> ViewGeometry:
        """What one view shows, be it for training or held out."""
        return self.surface.view(Camera.of_view(view), self._distance(view))

    def _distance(self, view: View) -> Tensor:
        distance = measured_distance(view, self._scale)
        assert distance is not None  # all of its views have depth
        return distance
