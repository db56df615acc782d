"""Draw rays and pixels from training pictures that change during training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.datamanagers.base_datamanager import VanillaDataManager, VanillaDataManagerConfig
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.utils.dataloaders import FixedIndicesEvalDataloader, RandIndicesEvalDataloader
from torch import Tensor

from editor3d.datasets.dataparser import PosedImagesDataParserConfig, PosedImagesDataset
from editor3d.datasets.views.images import read_mask
from editor3d.errors import DataError
from editor3d.geometry.lens import Lens
from editor3d.host.stopwatch import Stopwatch
from editor3d.plugin.train.pictures import TrainingPictures
from editor3d.plugin.views.rays import LensTable, bundle


@dataclass
class EditDataManagerConfig(VanillaDataManagerConfig):
    """Configuration of `EditDataManager`."""

    EDIT_DEFAULTS: ClassVar[dict[str, Any]] = {}
    """What an edit that was not configured for this kind of batch chooses."""
    _target: type = field(default_factory=lambda: EditDataManager)
    dataparser: PosedImagesDataParserConfig = field(default_factory=PosedImagesDataParserConfig)
    train_num_rays_per_batch: int = 8192
    eval_num_rays_per_batch: int = 8192
    patch_size: int = 1
    """Side of the square patches that rays are drawn in."""
    seed: int = 0
    """Seed of the draw of rays."""


class PixelStore:
    """Draws rays, with their pixels, from all training pictures.

    Attributes:
        pictures: what is drawn from; written to during training.
        num_rays_per_batch: how many rays `draw` gives (a multiple of the patch's area).
    """

    def __init__(
        self,
        pictures: TrainingPictures,
        cameras: Cameras,
        num_rays_per_batch: int,
        patch_size: int,
        device: torch.device | str,
    ) -> None:
        self.pictures, self.patch_size, self.device = pictures, patch_size, device
        self.views = pictures.views
        self.num_rays_per_batch = num_rays_per_batch
        lenses = [Lens.of(cameras, index) for index in range(len(pictures))]
        smallest = int(min(pictures.widths.min(), pictures.heights.min()))
        if patch_size > smallest:
            raise DataError(
                f"Expected pictures of at least {patch_size} pixels a side (the patches that rays are drawn in), got "
                f"one of {smallest}: use a smaller patch size or less downscaling."
            )
        table, starts, parts, at = LensTable(), {}, [], 0
        for lens in lenses:
            if lens not in starts:
                starts[lens] = at
                parts.append(table[lens])
                at += len(parts[-1])
        self.directions = torch.cat(parts).to(device)
        self.direction_offsets = torch.tensor([starts[lens] for lens in lenses])
        self.pixel_areas = torch.tensor([1.0 / (lens.fl_x * lens.fl_y) for lens in lenses], device=device)
        self.c2w = cameras.camera_to_worlds.to(device)
        self.drawn_from = self._usable_pixels()
        self._favoured, self._favour = torch.zeros(0, dtype=torch.long), 0.0
        self._cumulative: tuple[tuple[int, ...], Tensor] | None = None

    def _usable_pixels(self) -> Tensor | None:
        """Indices of the pixels that may be drawn: those whose patch the masks allow wholly. None for all."""
        if all(view.mask_path is None for view in self.views):
            return None
        masks = [mask for view in self.views if (mask := read_mask(view)) is not None]  # all views have one, or none
        usable = torch.cat([_patches_inside(mask, self.patch_size) for mask in masks]).nonzero()[:, 0]
        if len(usable) == 0:
            raise DataError(
                f"Expected masks that leave room for patches of {self.patch_size} pixels a side to train on, got masks "
                f"that leave none: check them, or use a smaller patch size."
            )
        return usable

    def favour(self, masks: Sequence[Tensor], share: float) -> None:
        """Draw a share of every batch from within masks, one [H, W] bool for each picture; the rest from everywhere.

        Args:
            share: in 0..1; without effect where the masks are empty.
        """
        inside = torch.cat([mask.flatten() for mask in masks])
        if self.drawn_from is not None:
            usable = torch.zeros_like(inside)
            usable[self.drawn_from] = True
            inside &= usable
        self._favoured, self._favour = inside.nonzero()[:, 0], share

    def draw(self, generator: torch.Generator) -> tuple[RayBundle, dict[str, Tensor]]:
        """A random batch: a bundle of N rays, and `image` [N, 3] float 0..1 with `indices` [N, 3] (view, y, x)."""
        # operations this small lose more by waiting for a second core than they gain
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return self._draw(generator)
        finally:
            torch.set_num_threads(threads)

    def _draw(self, generator: torch.Generator) -> tuple[RayBundle, dict[str, Tensor]]:
        size = self.patch_size
        patches = max(1, self.num_rays_per_batch // (size * size))
        pictures = self.pictures
        pixels, offsets, widths, heights = pictures.pixels, pictures.offsets, pictures.widths, pictures.heights
        if pictures.weights is not None:
            flat = self._drawn_by_weight(patches, generator)
        elif self.drawn_from is not None:
            flat = self.drawn_from[torch.randint(len(self.drawn_from), (patches,), generator=generator)]
        else:
            flat = torch.randint(len(pixels), (patches,), generator=generator)
        if len(self._favoured) and pictures.weights is None:
            count = round(self._favour * patches)
            flat[:count] = self._favoured[torch.randint(len(self._favoured), (count,), generator=generator)]
        if size == 1:  # rays of one picture next to each other meet the same voxels: as random, and faster to march
            flat = torch.from_numpy(np.sort(flat.numpy()))  # several times faster than torch's on a CPU
        view = torch.searchsorted(offsets, flat, right=True) - 1
        within = flat - offsets[view]
        y = torch.div(within, widths[view], rounding_mode="floor")
        x = within - y * widths[view]
        if size > 1:  # the drawn pixel becomes a patch's corner, moved inside the picture
            y, x = torch.minimum(y, heights[view] - size), torch.minimum(x, widths[view] - size)
            steps = torch.arange(size)
            y = (y[:, None, None] + steps[:, None]).expand(-1, size, size).reshape(-1)
            x = (x[:, None, None] + steps[None, :]).expand(-1, size, size).reshape(-1)
            view = view.repeat_interleave(size * size)
        within = y * widths[view] + x
        image = pixels.index_select(0, offsets[view] + within).float() / 255.0
        rays = self._rays(view.to(self.device), (self.direction_offsets[view] + within).to(self.device))
        return rays, {"image": image.to(self.device), "indices": torch.stack([view, y, x], -1)}

    def _drawn_by_weight(self, count: int, generator: torch.Generator) -> Tensor:
        """Indices [count] of pixels, each as probable as it weighs; of patches, those whose pixels all count."""
        written = tuple(self.pictures.revisions)
        if self._cumulative is None or self._cumulative[0] != written:
            assert self.pictures.weights is not None  # some weigh less
            weights = self.pictures.weights.long()
            if self.patch_size > 1:
                counted = [
                    _patches_inside(weight > 0, self.patch_size)
                    for index in range(len(self.pictures))
                    if (weight := self.pictures.weight(index)) is not None
                ]
                weights = weights * torch.cat(counted)
            if self.drawn_from is not None:
                usable = torch.zeros_like(weights)
                usable[self.drawn_from] = weights[self.drawn_from]
                weights = usable
            if len(self._favoured):
                weights = self._favouring(weights)
            self._cumulative = written, weights.cumsum(0)
        sums = self._cumulative[1]
        if not int(sums[-1]):
            raise DataError("Expected edited pictures that tell something of the scene, got none: edit more views.")
        return torch.searchsorted(sums, torch.randint(int(sums[-1]), (count,), generator=generator), right=True)

    def _favouring(self, weights: Tensor) -> Tensor:
        """The weights [P] with which the favoured pixels get their share of all draws."""
        inside = torch.zeros_like(weights)
        inside[self._favoured] = weights[self._favoured]
        within, everywhere = int(inside.sum()), int(weights.sum())
        if not within or self._favour >= 1.0:
            return inside if within else weights
        gain = self._favour / (1.0 - self._favour) * everywhere / within
        return weights * 256 + (inside * (256.0 * gain)).long()

    def _rays(self, view: Tensor, lookup: Tensor) -> RayBundle:
        local = self.directions.index_select(0, lookup)
        c2w = self.c2w.index_select(0, view)
        # no matrix product: autocast, inside which training batches are drawn, would run it at half precision
        x, y, z = (c2w[:, :, axis] * local[:, axis : axis + 1] for axis in range(3))
        return bundle(
            c2w[:, :, 3].contiguous(),
            x + y + z,
            pixel_area=self.pixel_areas[view][:, None],
            camera_indices=view[:, None],
            local=local,
        )


def _patches_inside(mask: Tensor, size: int) -> Tensor:
    """Whether the patch that `PixelStore.draw` makes of each pixel lies inside a mask [H, W] bool: [H * W] bool."""
    height, width = mask.shape
    hidden = F.max_pool2d((~mask).float()[None, None], size, stride=1)[0, 0]  # by the patch's corner
    y, x = torch.arange(height).clamp(max=height - size), torch.arange(width).clamp(max=width - size)
    return hidden[y][:, x].reshape(-1) == 0


class EditDataManager(VanillaDataManager[PosedImagesDataset]):
    """Draws training rays from a `PixelStore`. No worker processes: an edited picture is seen by the very next batch.

    Rays come from directions looked up by lens, and all draws from one explicit generator.

    Attributes:
        train_pictures: the training pictures; there only where training is to follow.
        train_pixel_sampler: draws the batches; None in the mode "inference", which opens no picture for training.
        stopwatch: the pipeline's; reading pictures and preparing rays count as `rays`, as drawing them does.
    """

    config: EditDataManagerConfig
    stopwatch: Stopwatch
    train_dataset: PosedImagesDataset
    eval_dataset: PosedImagesDataset
    train_dataparser_outputs: DataparserOutputs
    train_pictures: TrainingPictures
    train_pixel_sampler: PixelStore

    def __init__(self, *args, **kwargs) -> None:
        self.stopwatch = Stopwatch()
        with self.stopwatch.measure("rays"):
            super().__init__(*args, **kwargs)

    def setup_train(self) -> None:
        self.generator = torch.Generator().manual_seed(self.config.seed)
        self.train_pictures = TrainingPictures(self.train_dataset.metadata["views"], self.train_dataset.cameras)
        self.train_pixel_sampler = self.make_sampler()
        self.train_pictures.read_all()

    def make_sampler(self) -> PixelStore:
        """What draws training batches from `train_pictures`; a scene that is fitted to whole pictures has its own."""
        return PixelStore(
            self.train_pictures,
            self.train_dataset.cameras,
            self.config.train_num_rays_per_batch,
            self.config.patch_size,
            self.device,
        )

    def setup_eval(self) -> None:
        self.fixed_indices_eval_dataloader = FixedIndicesEvalDataloader(self.eval_dataset, device=self.device)
        self.eval_dataloader = RandIndicesEvalDataloader(self.eval_dataset, device=self.device)
        self._eval_pixels: PixelStore | None = None

    def generators(self) -> dict[str, torch.Generator]:
        """The random generators whose state a checkpoint must hold."""
        return {"rays": self.generator}

    def next_train(self, step: int) -> tuple[RayBundle, dict[str, Tensor]]:
        self.train_count += 1
        return self.train_pixel_sampler.draw(self.generator)

    def next_eval(self, step: int) -> tuple[RayBundle, dict[str, Tensor]]:
        if self._eval_pixels is None:
            pictures = TrainingPictures(self.eval_dataset.metadata["views"], self.eval_dataset.cameras)
            pictures.read_all()
            self._eval_pixels = PixelStore(
                pictures, self.eval_dataset.cameras, self.config.eval_num_rays_per_batch, 1, self.device
            )
        self.eval_count += 1
        return self._eval_pixels.draw(torch.Generator().manual_seed(step))

    def next_eval_image(self, step: int) -> tuple[Cameras, dict[str, Tensor]]:
        camera, batch = self.fixed_indices_eval_dataloader.get_camera(step % len(self.eval_dataset))
        return camera, batch

    def get_train_rays_per_batch(self) -> int:
        return self.config.train_num_rays_per_batch
