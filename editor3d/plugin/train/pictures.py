"""The training pictures, which change during the fit."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from nerfstudio.cameras.cameras import Cameras
from torch import Tensor

from editor3d.datasets.views.images import read_image
from editor3d.types import View


class TrainingPictures:
    """The pictures of a set of views, of any sizes, in one tensor.

    Attributes:
        pixels: [P, 3] uint8, the pictures row by row, one after the other.
        widths, heights: [V], pixels.
        offsets: [V + 1], where each picture begins in `pixels`.
        revisions: how often each picture was written.
    """

    def __init__(self, views: Sequence[View], cameras: Cameras) -> None:
        self.views = views
        self.widths, self.heights = cameras.width.flatten().cpu(), cameras.height.flatten().cpu()
        self.offsets = torch.cat([torch.zeros(1, dtype=torch.long), (self.widths * self.heights).cumsum(0)])
        self.pixels = torch.empty(int(self.offsets[-1]), 3, dtype=torch.uint8)
        self.revisions = [0] * len(views)

    def __len__(self) -> int:
        return len(self.views)

    def __getitem__(self, index: int) -> Tensor:
        """One view's picture: [H, W, 3] uint8, not to be written to."""
        return self.within(self.pixels, index)

    def within(self, pixels: Tensor, index: int) -> Tensor:
        """The same view's picture in a copy of `pixels`."""
        start, end = int(self.offsets[index]), int(self.offsets[index + 1])
        return pixels[start:end].view(int(self.heights[index]), int(self.widths[index]), 3)

    def write(self, index: int, picture: Tensor) -> None:
        """Make `picture` [H, W, 3] uint8 the one that a view is trained on from now on."""
        self[index].copy_(picture)
        self.revisions[index] += 1

    def read_all(self) -> None:
        """Read every view's own photograph."""
        for index, view in enumerate(self.views):
            self.write(index, read_image(view))
