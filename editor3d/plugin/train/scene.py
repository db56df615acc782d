"""The base class of the project's nerfstudio models: the contract's neutral values, and rays that are looked up."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.models.base_model import Model, ModelConfig
from torch import Tensor

from editor3d.errors import ConfigError, RegionError
from editor3d.plugin.train.pictures import TrainingPictures
from editor3d.plugin.views.rays import LensTable, camera_rays
from editor3d.scene import SceneDefaults
from editor3d.types import Output

_USUAL = (CameraType.PERSPECTIVE.value, CameraType.FISHEYE.value)


class PluginModelConfig(ModelConfig):
    """What the configuration of a scene says of edits besides its own fields."""

    EDIT_SETTINGS: ClassVar[tuple[str, ...]] = ()
    """Fields that an edit sets itself; all others are copied from its base."""
    EDIT_DEFAULTS: ClassVar[dict[str, Any]] = {}
    """Values that an edit uses when it was configured for another kind of scene."""

    def kept_shape(self, optimizers: dict[str, Any]) -> dict[str, Any]:
        """The optimisers of an edit that changes colours alone, given those of any edit."""
        return optimizers

    def colors_alone(self, optimizers: dict[str, Any]) -> dict[str, Any]:
        """The optimisers of an edit that trains colours alone, given those of `kept_shape`; what the model must do
        otherwise then is set here."""
        return optimizers

    def insertion(self, optimizers: dict[str, Any], steps: int) -> dict[str, Any]:
        """The optimisers with which something new grows in so many steps, given those of any edit; what the model
        must do otherwise then is set here."""
        return optimizers


class PluginModel(SceneDefaults, Model):
    """An `EditableScene` that nerfstudio trains. Kinds of scenes override what they offer.

    Comes before a model of nerfstudio's in the bases of a class: it overrides nothing of theirs.
    """

    _lenses: LensTable | None = None

    @property
    def lenses(self) -> LensTable:
        """Directions of rays by lens that were looked up before."""
        if self._lenses is None:
            self._lenses = LensTable()
        return self._lenses

    @torch.no_grad()
    def render(self, camera: Cameras, also: Collection[Output] = ()) -> dict[str, Tensor]:
        """What one camera sees: rgb [H, W, 3], and what else is requested.

        Raises:
            ConfigError: this kind of scene renders no such output.
        """
        lacking = [name for name in also if name not in self.capabilities.outputs]
        if lacking:
            raise ConfigError(
                f"Expected one of {', '.join(('rgb', *self.capabilities.outputs))} to render, got {lacking[0]}."
            )
        outputs = self.get_outputs_for_camera(camera)
        return {name: outputs[name] for name in ("rgb", *also)}

    @torch.no_grad()
    def outputs_at(self, camera: Cameras, wanted: Tensor) -> dict[str, Tensor]:
        """Colours, accumulation and depth [n, C] of the pixels of one camera that are wanted, [H, W] bool, row by
        row."""
        outputs = self.render(camera, ("accumulation", "depth"))
        return {name: value[wanted.to(value.device)] for name, value in outputs.items()}

    def training_camera(self, cameras: Cameras, index: int) -> Cameras:
        """Training camera `index`, [1], at the pose that its picture is trained at."""
        return cameras[index : index + 1]

    def original_share(self, camera: Cameras) -> Tensor:
        """As `region_share`, of what the frozen original shows. The edit is confined by `Compose`.

        Raises:
            RegionError: this kind of scene is not composed with its original.
        """
        raise RegionError(f"Expected a scene that is composed with its original, got {type(self).__name__}.")

    def begin_from_pictures(self, pictures: TrainingPictures, cameras: Cameras, steps: int) -> None:
        """Prepare a scene that nothing was loaded into for a training of so many steps. Before the first one."""

    def generators(self) -> dict[str, torch.Generator]:
        """The random generators whose state a checkpoint must hold, by name."""
        return {}


class RayModel(PluginModel):
    """A scene that is rendered ray by ray: whole pictures through looked-up directions.

    `Cameras.generate_rays` undistorts every pixel anew, which on a CPU takes longer than rendering it.
    """

    @torch.no_grad()
    def get_outputs_for_camera(self, camera: Cameras, obb_box=None) -> dict[str, Tensor]:
        """Outputs [H, W, C] of one camera; a crop box or an unusual camera takes nerfstudio's own road."""
        if obb_box is not None or int(camera.camera_type.flatten()[0]) not in _USUAL:
            return super().get_outputs_for_camera(camera, obb_box)
        if camera.shape == ():
            camera = camera.reshape((1,))
        rays = camera_rays(camera, 0, self.lenses, self.device)
        height, width = int(camera.height[0]), int(camera.width[0])
        return self.get_outputs_for_camera_ray_bundle(rays.reshape((height, width)))

    @torch.no_grad()
    def outputs_at(self, camera: Cameras, wanted: Tensor) -> dict[str, Tensor]:
        rays = camera_rays(camera.reshape((1,)), 0, self.lenses, self.device)
        chosen = wanted.flatten().nonzero()[:, 0].to(self.device)
        parts = [self(rays[part]) for part in chosen.split(self.config.eval_num_rays_per_chunk)] if len(chosen) else []
        return {
            name: torch.cat([part[name] for part in parts]) if parts else torch.zeros(0, channels, device=self.device)
            for name, channels in (("rgb", 3), ("accumulation", 1), ("depth", 1))
        }
