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
        revisions: how often each picture, or what counts of it, was written.
        weights: [P] uint8, how much each pixel counts, 255 in full; None while all count in full.
    """

    def __init__(self, views: Sequence[View], cameras: Cameras) -> None:
        self.views = views
        self.widths, self.heights = cameras.width.flatten().cpu(), cameras.height.flatten().cpu()
        self.offsets = torch.cat([torch.zeros(1, dtype=torch.long), (self.widths * self.heights).cumsum(0)])
        self.pixels = torch.empty(int(self.offsets[-1]), 3, dtype=torch.uint8)
        self.revisions = [0] * len(views)
        self.weights: Tensor | None = None

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

    def weigh(self, index: int, weight: Tensor) -> None:
        """Let each pixel of a view count as much as `weight` [H, W] in 0..1 says from now on; others stay as they are.

        Where all pixels of all views count in full, nothing is kept of it.
        """
        rounded = (weight.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).flatten()
        start, end = int(self.offsets[index]), int(self.offsets[index + 1])
        weights = torch.full((len(self.pixels),), 255, dtype=torch.uint8) if self.weights is None else self.weights
        if torch.equal(weights[start:end], rounded):
            return
        weights[start:end] = rounded
        self.weights = weights
        self.revisions[index] += 1

    def weight(self, index: int) -> Tensor | None:
        """How much each pixel of a view counts: [H, W] uint8, not to be written to; None where all count in full."""
        if self.weights is None:
            return None
        start, end = int(self.offsets[index]), int(self.offsets[index + 1])
        return self.weights[start:end].view(int(self.heights[index]), int(self.widths[index]))

    def read_all(self) -> None:
        """Read every view's own photograph."""
        for index, view in enumerate(self.views):
            self.write(index, read_image(view))
