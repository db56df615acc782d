"""Whole pictures to train splats on, brought to the pinhole canvas; they change during training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import cv2
import torch
from nerfstudio.cameras.cameras import Cameras
from torch import Tensor

from editor3d.datasets.views.images import read_mask
from editor3d.geometry.lens import Lens
from editor3d.plugin.train.datamanager import EditDataManager, EditDataManagerConfig
from editor3d.plugin.train.pictures import TrainingPictures
from gaussian.draw.lens import canvas_of


@dataclass
class SplatDataManagerConfig(EditDataManagerConfig):
    """Configuration of `SplatDataManager`."""

    EDIT_DEFAULTS: ClassVar[dict[str, Any]] = {"num_downscales": 0}
    """An edit begins at full resolution: there is detail already."""
    _target: type = field(default_factory=lambda: SplatDataManager)
    num_downscales: int = 1
    """Training begins at 1/2^n of the resolution,"""
    downscale_steps: int = 500
    """and doubles it every so many steps."""


class PictureSampler:
    """Goes through all views in an order drawn anew for every round; the order depends on the seed and step alone."""

    def __init__(self, pictures: TrainingPictures, cameras: Cameras, seed: int) -> None:
        self.pictures, self.seed = pictures, seed
        self.lenses = [Lens.of(cameras, index) for index in range(len(pictures))]
        self.drawn: Sequence[int] = range(len(pictures))
        self._round, self._order = -1, torch.empty(0)
        self._flat: dict[int, tuple[tuple[int, int], Tensor, Tensor | None]] = {}
        self._masks: dict[int, Tensor | None] = {}

    def favour(self, masks: Sequence[Tensor], share: float) -> None:
        """Go through those views alone whose mask shows something; one [H, W] bool for each picture.

        Args:
            share: without effect; of whole pictures no part is drawn.
        """
        self.drawn = [index for index, mask in enumerate(masks) if bool(mask.any())]
        self._round = -1

    def view_at(self, step: int) -> int:
        """The view of a step."""
        round_, place = divmod(step, len(self.drawn))
        if round_ != self._round:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + round_)
            self._round, self._order = round_, torch.randperm(len(self.drawn), generator=generator)
        return self.drawn[int(self._order[place])]

    def batch(self, index: int, downscale: int, device: torch.device | str = "cpu") -> dict[str, Tensor]:
        """`image` [H', W', 3] float 0..1 on the view's canvas, at 1/downscale; `mask` [H', W', 1] unless all count;
        `weight` [H', W', 1] in 0..1, how much each pixel counts, unless all do in full."""
        key = (self.pictures.revisions[index], downscale)
        found = self._flat.get(index)
        if found is None or found[0] != key:
            flat = _smaller(canvas_of(self.lenses[index]).flatten(self.pictures[index]), downscale)
            found = self._flat[index] = (key, flat, self._weight(index, downscale))
        batch = {"image": found[1].to(device).float() / 255.0}  # 8 bits travel, not 32
        if found[2] is not None:
            batch["weight"] = found[2].to(device).float()[..., None] / 255.0
        mask = self._mask(index)
        if mask is not None:
            batch["mask"] = (_smaller(mask.to(torch.uint8) * 255, downscale) == 255)[..., None].to(device)
        return batch

    def _weight(self, index: int, downscale: int) -> Tensor | None:
        """[H', W'] uint8 on the view's canvas; None where all pixels count in full."""
        weight = self.pictures.weight(index)
        if weight is None or bool((weight == 255).all()):
            return None
        flat = canvas_of(self.lenses[index]).flatten(weight[..., None].contiguous())
        return _smaller(flat if flat.ndim == 2 else flat[..., 0], downscale)

    def _mask(self, index: int) -> Tensor | None:
        if index not in self._masks:
            lens, view = self.lenses[index], self.pictures.views[index]
            canvas = canvas_of(lens)
            mask = canvas.seen(lens.height, lens.width)
            if view.mask_path is not None:
                drawn = read_mask(view)
                assert drawn is not None  # it has a path
                flat = canvas.flatten(drawn.to(torch.uint8)[..., None] * 255)
                allowed = (flat if flat.ndim == 2 else flat[..., 0]) == 255
                mask = allowed if mask is None else mask & allowed
            self._masks[index] = None if mask is None or bool(mask.all()) else mask
        return self._masks[index]


class SplatDataManager(EditDataManager):
    """One view a step: its camera, and its picture on the pinhole canvas."""

    config: SplatDataManagerConfig
    train_pixel_sampler: PictureSampler

    def make_sampler(self) -> PictureSampler:
        return PictureSampler(self.train_pictures, self.train_dataset.cameras, self.config.seed)

    def downscale_at(self, step: int) -> int:
        """1/n of the resolution that a step is trained at."""
        return 2 ** max(0, self.config.num_downscales - step // max(1, self.config.downscale_steps))

    def next_train(self, step: int) -> tuple[Cameras, dict[str, Tensor]]:
        self.train_count += 1
        sampler = self.train_pixel_sampler
        index = sampler.view_at(step)
        # its numbers are read one by one, for which a GPU would be waited for each time
        camera = self.train_dataset.cameras[index : index + 1]
        downscale = self.downscale_at(step)
        camera.metadata = {"cam_idx": index, "downscale": downscale, "canvas": True}
        return camera, sampler.batch(index, downscale, self.device)

    def next_eval(self, step: int) -> tuple[Cameras, dict[str, Tensor]]:
        return self.next_eval_image(step)

    def get_train_rays_per_batch(self) -> int:
        return int(self.train_pictures.widths[0] * self.train_pictures.heights[0])


def _smaller(picture: Tensor, downscale: int) -> Tensor:
    if downscale == 1:
        return picture
    size = (max(1, picture.shape[1] // downscale), max(1, picture.shape[0] // downscale))
    return torch.from_numpy(cv2.resize(picture.numpy(), size, interpolation=cv2.INTER_AREA))
