"""The pipeline of NeRF-Insert: a region is painted in every view, and the scene fitted there and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.utils.rich_utils import CONSOLE
from safetensors.torch import load_file, save_file
from scipy import ndimage
from torch import Tensor

from editor3d.datasets.views.images import read_image
from editor3d.editors import resolve_auto_inserter
from editor3d.errors import ConfigError, DataError, RegionError
from editor3d.geometry.camera import Camera
from editor3d.options import MethodOptions
from editor3d.outputs.pictures import save_png, to_uint8
from editor3d.plan import SettledCondition
from editor3d.plugin.confine.masks import RegionView, dilated, filled, geometry_of, look_at, require_shapes
from editor3d.plugin.confine.regions import REGION_FOLDER, keep_selection, kept_selection
from editor3d.plugin.edit.pipeline import EditPipeline
from editor3d.plugin.edit.settings import EditPipelineConfig
from editor3d.plugin.train.scene import PluginModel
from editor3d.regions import parse_region
from editor3d.types import Editor, Freeze, Regularise, ViewGeometry
from editor3d.update.engine import DatasetUpdater
from editor3d.update.scene import Scene

MASK_SUFFIX, DISTANCE_SUFFIX = ".png", ".safetensors"
FEATHER = 4
"""Pixels over which what was painted passes into what was there."""


@dataclass
class InsertPipelineConfig(EditPipelineConfig):
    """Configuration of `InsertPipeline`."""

    GIVES_GEOMETRY: ClassVar[bool] = True
    COMPOSES: ClassVar[bool] = False
    BY_SCHEDULE: ClassVar[bool] = False
    _target: type = field(default_factory=lambda: InsertPipeline)
    mask_dilation: int = 20
    """Widen a view's mask by this many pixels, for a picture whose shorter side has 512."""
    min_mask: float = 0.005
    """Leave views unedited in which the region covers less than this share of the picture."""
    mask_rays: float = 0.3
    """Draw this share of a batch's rays inside the masks, and the rest from everywhere. Splats ignore it: they are
    fitted to whole pictures."""
    seeds: int = 8000
    """Fill a region of splats with this many Gaussians, from which training forms the new object."""

    def check(self, options: MethodOptions) -> None:
        super().check(options)
        if not options.region:
            raise RegionError(
                "Expected a region to put something into, got none: give --region box:cx,cy,cz,hx,hy,hz in the "
                "capture's own frame."
            )
        if not 0.0 <= self.mask_rays <= 1.0 or not 0.0 <= self.min_mask <= 1.0 or self.mask_dilation < 0:
            raise ConfigError(
                f"Expected mask-rays and min-mask in 0..1 and mask-dilation of at least 0, got {self.mask_rays:g}, "
                f"{self.min_mask:g} and {self.mask_dilation}."
            )
        if self.seeds < 1:
            raise ConfigError(f"Expected at least 1 Gaussian to begin with, got {self.seeds}: raise seeds.")
        require_shapes(parse_region(options.region))

    def check_region_of(self, model: type[PluginModel], region: str) -> None:
        offers = model.capabilities
        if not (offers.inserts or offers.parts or offers.regularises):
            raise RegionError(
                f"Expected a radiance field or splats to put something into, got {model.__name__}: reconstruct by "
                f"voxel or splat, or by nerfacto-editable on a GPU."
            )

    def adopted(self, edit: Any) -> None:
        edit.optimizers = edit.pipeline.model.insertion(edit.optimizers, edit.max_num_iterations)

    def resolve_editor(self) -> tuple[str, str]:
        return resolve_auto_inserter()

    def own_condition(self, options: MethodOptions, base_is_edit: bool) -> tuple[SettledCondition, str]:
        return "base", "inside the region; photographs around it, or around splats what the base shows"


class InsertPipeline(EditPipeline):
    """Edits see the scene as it is now inside the region, and the photograph around it; around splats, which are fitted
    to whole pictures, what the base shows."""

    config: InsertPipelineConfig

    def __init__(self, config: InsertPipelineConfig, *args, **kwargs) -> None:
        super().__init__(config, *args, **kwargs)
        self._masks: list[Tensor] = []

    def begin(self, run: Path, total_steps: int, seed: int, editor: Editor) -> None:
        self.config.check_region_of(type(self.model), self.plan.region)
        super().begin(run, total_steps, seed, editor)

    def _read_base_renders(self, folder: Path, pictures) -> None:
        """The photographs, with renders of the base where the box round the region is, or for splats everywhere; kept
        in `folder`.

        Raises:
            DataError: no view shows the region.
        """
        masks = folder.parent / REGION_FOLDER
        self._masks = []
        for index, view in enumerate(self.train_views):
            path = folder / f"{view.name}.png"
            mask_path, distances = masks / f"{view.name}{MASK_SUFFIX}", masks / f"{view.name}{DISTANCE_SUFFIX}"
            if not (path.is_file() and mask_path.is_file() and distances.is_file()):
                with self.stopwatch.measure("render"):
                    seen = self._looked_at(index)
                if self._whole_pictures:
                    with self.stopwatch.measure("render"):
                        picture = torch.from_numpy(to_uint8(super()._render_train_view(index)))
                else:
                    picture = read_image(view)
                    picture[seen.canvas] = torch.from_numpy(to_uint8(seen.colors[None]))[0]
                shorter = min(view.width, view.height)
                mask = dilated(seen.mask, round(self.config.mask_dilation * shorter / 512))
                save_png(path, picture.numpy())
                mask_path.parent.mkdir(parents=True, exist_ok=True)
                save_file({"distance": seen.distance.half()}, distances)
                save_png(mask_path, to_uint8(mask.float()[..., None].expand(-1, -1, 3)))
            size = (view.width, view.height)
            pictures.write(index, read_image(path, size))
            mask = read_image(mask_path, size)[..., 0] > 127
            self._masks.append(mask if float(mask.float().mean()) >= self.config.min_mask else torch.zeros_like(mask))
        if not any(bool(mask.any()) for mask in self._masks):
            raise DataError(
                f"Expected views that show the region, found none of {len(self._masks)} of which it takes up "
                f"{self.config.min_mask:.1%}: check its numbers, which are in the capture's own frame, or enlarge it."
            )
        self.datamanager.train_pixel_sampler.favour(self._masks, self.config.mask_rays)

    def _looked_at(self, index: int) -> RegionView:
        was_training = self.training
        self.eval()
        try:
            cameras = self.datamanager.train_dataset.cameras[index : index + 1]
            return look_at(self.model, cameras, self.space, self.model.lenses)
        finally:
            self.train(was_training)

    def _restrict(self, folder: Path) -> Callable[[int, Tensor], None]:
        store = self._pasting()
        if self.model.capabilities.regularises:
            self.model.confine(Regularise(self.space, self._original()))
            self.region = self.space.region.to_json()
            return store
        which = kept_selection(folder)
        if which is None:
            which = self.space.contains(self.model.positions).cpu()
            if not (self._inserts or bool(which.any())):
                raise RegionError(
                    f"Expected a region that is larger than what the scene is made of, found none of its {len(which)} "
                    f"parts inside: make it larger, or give the scene more of them."
                )
            keep_selection(folder, which)
        self.region = {**self.space.region.to_json(), "parts": int(which.sum()), "of": len(which)}
        if self._inserts:
            self._seeds = self._places_to_fill()
            self.region["seeds"] = len(self._seeds)
        else:
            self.model.confine(Freeze(which))
        return store

    @property
    def _inserts(self) -> bool:
        """Whether new parts are put into the region; otherwise those that are there become something else."""
        return self.model.capabilities.inserts

    @property
    def _whole_pictures(self) -> bool:
        return self.model.capabilities.whole_pictures

    def _places_to_fill(self) -> Tensor:
        """Points [N, 3] in the region that some view can see, in front of what the scene shows there: nothing would
        ever be distinguished from others."""
        points, cameras = filled(self.space, self.config.seeds), self.datamanager.train_dataset.cameras
        seen = torch.zeros(len(points), dtype=torch.bool)
        for index, mask in enumerate(self._masks):
            if bool(mask.any()):
                pixels, held = Camera.of(cameras, index).pixels(points)
                x, y = pixels[held].long().unbind(-1)
                away = (points[held] - cameras.camera_to_worlds[index, :, 3].cpu()).norm(dim=-1)
                seen[held] |= mask[y, x] & (away < self._distance(index)[y, x])
        return points[seen]

    def get_training_callbacks(self, attributes: TrainingCallbackAttributes) -> list[TrainingCallback]:
        edit, *own = super().get_training_callbacks(attributes)
        begun = False

        def fill(step: int) -> None:
            """After the first edits, which are of the base, and before the first step; again for a resumed run,
            whose Gaussians come with its checkpoint."""
            nonlocal begun
            if self._inserts and self.updater is not None and not begun:
                begun = True
                if step == 0:
                    self.model.insert(self._seeds)
                self.model.confine(Freeze(self.space))

        return [edit, TrainingCallback([TrainingCallbackLocation.BEFORE_TRAIN_ITERATION], fill), *own]

    def _original(self) -> PluginModel:
        """The base, in a model of its own."""
        with self.another_model():
            self.load_base()
            return self.model

    def _pasting(self) -> Callable[[int, Tensor], None]:
        """How an edited picture is stored: it counts inside the mask, and fades into what was there."""
        seen = sum(bool(mask.any()) for mask in self._masks)
        CONSOLE.print(f"The region is seen in {seen} of {len(self._masks)} views, which are edited.")
        pictures = self.datamanager.train_pictures

        def store(index: int, picture: Tensor) -> None:
            share = _feathered(self._masks[index])[..., None]
            mixed = share * picture.float() + (1.0 - share) * pictures.within(self._originals, index).float()
            pictures.write(index, mixed.round().to(torch.uint8))

        return store

    def _insert_new(self, updater: DatasetUpdater) -> None:
        """Nothing: the region is filled whatever the keys show."""

    def scene(self, **parts) -> Scene:
        return super().scene(**parts, mask=lambda index: self._masks[index])

    def _render_train_view(self, index: int) -> Tensor:
        """The scene as it is now on the canvas, the photograph around it."""
        picture = self.datamanager.train_pictures.within(self._originals, index).float() / 255.0
        mask = self._masks[index]
        if self._whole_pictures:
            picture[mask] = super()._render_train_view(index)[mask]
            return picture
        cameras = self.datamanager.train_dataset.cameras[index : index + 1]
        was_training = self.training
        self.eval()
        try:
            picture[mask] = self.model.outputs_at(cameras.to(self.device), mask)["rgb"].cpu()
        finally:
            self.train(was_training)
        return picture

    def geometry(self, index: int) -> ViewGeometry:
        cameras = self.datamanager.train_dataset.cameras
        return geometry_of(self.space, cameras, index, self._distance(index), self.model.lenses)

    def _distance(self, index: int) -> Tensor:
        """How far away is what the base shows of a view: [H, W] scene units, infinite off the box round the region."""
        path = self.config.run_folder() / REGION_FOLDER / f"{self.train_views[index].name}{DISTANCE_SUFFIX}"
        return load_file(path)["distance"].float()


def _feathered(mask: Tensor) -> Tensor:
    """A mask [H, W] bool as shares that rise to 1 over `FEATHER` pixels inside of it."""
    inside = np.asarray(ndimage.distance_transform_edt(mask.numpy()))
    return torch.from_numpy(inside / FEATHER).float().clamp(0.0, 1.0)
