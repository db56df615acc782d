"""The voxel radiance field as a nerfstudio model."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from torch import Tensor
from torch.nn import Parameter

from editor3d.errors import RegionError
from editor3d.outputs.surface import SolidField
from editor3d.plugin.train.judged import judged
from editor3d.plugin.train.scene import PluginModelConfig, RayModel
from editor3d.plugin.views.rays import camera_rays
from editor3d.types import Confinement, Freeze, PartLooks, SceneCapabilities, Shape
from nerf_methods.voxel.colors import ColorRays, fit_colors
from nerf_methods.voxel.field import Activation, VoxelField
from nerf_methods.voxel.reference import activate
from nerf_methods.voxel.regions import made_up, mask_weights, places, shares, spread

_TOUCHED = 1e-3
"""A share below this is none: it is how far shares are exact."""


@dataclass
class VoxelModelConfig(PluginModelConfig):
    """Configuration of `VoxelModel`."""

    EDIT_SETTINGS: ClassVar[tuple[str, ...]] = ("loss", "occupancy_start", "explore_every", "learn_background")
    """Fields that an edit sets itself; all others are copied from its base."""
    EDIT_DEFAULTS: ClassVar[dict[str, Any]] = {"occupancy_start": 0, "learn_background": True}
    """Values that an edit uses when it was not configured for voxels: the base's empty space is known, and the
    background changes with the scene."""
    _target: type = field(default_factory=lambda: VoxelModel)
    enable_collider: bool = False
    resolutions: tuple[int, ...] = (64, 96, 128, 176)
    """Set the lattice points along each axis, coarse to fine."""
    upsample_steps: tuple[int, ...] = (120, 240, 360)
    """Switch to the next resolution at these training steps."""
    contracted: bool = True
    """Contract unbounded space into the lattice; without it the scene ends at the core cube."""
    core_radius: float = 0.5
    """Set half the side of the cube that is resolved evenly, in scene units (cameras are within 1)."""
    initial_density: float = 0.1
    """Set the density of the empty field, per core radius."""
    steps_per_voxel: float = 1.0
    """March this many steps along one lattice cell."""
    near: float = 0.05
    """Start rays at this distance from the camera, in scene units."""
    background: tuple[float, float, float] = (0.5, 0.5, 0.5)
    """Set the background colour."""
    learn_background: bool = False
    """Fit the background colour, too. A reconstruction lets a little of it through nearly everywhere: a fixed colour
    would lighten a night and darken snow."""
    activation: Activation = "softplus"
    """Choose the activation of density; relu gives a ReLU field, as in Vox-E."""
    occupancy_start: int = 120
    """Skip empty blocks after this step."""
    occupancy_every: int = 16
    """Update the occupancy every this many steps."""
    min_alpha: float = 2e-2
    """Treat a block as empty if its opacity over one step is nowhere above this."""
    explore_every: int = 16
    """Ignore the occupancy for every n-th training ray, so that density can grow in empty space."""
    loss: Literal["l1", "l2"] = "l2"
    """Choose the photometric loss. The first edited pictures disagree with each other: L1 then finds the colour that
    most agree on."""
    eval_num_rays_per_chunk: int = 1 << 16

    def kept_shape(self, optimizers: dict[str, Any]) -> dict[str, Any]:
        fields = optimizers["fields"]
        return {**optimizers, "fields": {**fields, "optimizer": fields["optimizer"].for_kept_shape()}}


class VoxelModel(RayModel):
    """Renders a `VoxelField`; trains it coarse to fine."""

    config: VoxelModelConfig
    capabilities = SceneCapabilities(parts=True, fits_colors=True, has_density=True)
    ADDED_LATER: ClassVar[tuple[str, ...]] = ("field.background",)

    def populate_modules(self) -> None:
        super().populate_modules()
        c = self.config
        self.field = VoxelField(
            c.resolutions[0],
            core_radius=c.core_radius,
            contracted=c.contracted,
            initial_density=c.initial_density,
            steps_per_voxel=c.steps_per_voxel,
            near=c.near,
            background=c.background,
            activation=c.activation,
        )
        self.generator = torch.Generator().manual_seed(0)
        self._frozen: Tensor | None = None
        self.field.background.requires_grad_(c.learn_background)
        self.field.grid.register_hook(self._keep_frozen)

    def generators(self) -> dict[str, torch.Generator]:
        return {"jitter": self.generator}

    # Regions

    @property
    def positions(self) -> Tensor:
        """The lattice points, [R^3, 3] scene units."""
        return places(self.field)

    def confine(self, confinement: Confinement) -> None:
        """Freeze all lattice points outside, and the background: from here on training leaves them as they are.

        Raises:
            RegionError: there is no lattice point inside, or the confinement is none by freezing.
        """
        match confinement:
            case Freeze(where):
                self._freeze_outside(where)
                self.confinement = confinement
            case _:
                super().confine(confinement)

    def _freeze_outside(self, where: Shape | Tensor) -> None:
        free = where.to(self.device) if isinstance(where, Tensor) else where.contains(self.positions)
        if not bool(free.any()):
            raise RegionError(
                f"Expected voxels inside the region, found none of {len(free)} there: check its numbers, which are in "
                f"the capture's own frame."
            )
        self._freeze(~free)

    def mask_shares(self, cameras: Cameras, masks: Mapping[int, Tensor]) -> Tensor:
        """How much of what views show of each lattice point lies inside their masks; see `regions.shares`."""
        return shares(self.field, cameras, masks, self.lenses)

    def mask_weights(self, cameras: Cameras, masks: Mapping[int, Tensor]) -> Tensor:
        """How many masked pixels each lattice point makes up; see `regions.mask_weights`."""
        return mask_weights(self.field, cameras, masks, self.lenses)

    @torch.no_grad()
    def looks(self) -> PartLooks:
        """The colour of each lattice point, and how much one step through a cell that is all like it hides."""
        field = self.field
        raw = field.grid.detach().view(-1, 4)
        density = activate(raw[:, 0] + field.shift, field.relu)
        return PartLooks(torch.sigmoid(raw[:, 1:]), 1.0 - torch.exp(-density * field.step))

    def region_share(self, camera: Cameras) -> Tensor:
        return self._shown(camera, self._free())

    def region_touches(self, camera: Cameras) -> Tensor:
        """The pixels of a view to which something contributes that is free to change, or has a neighbour that is:
        [H, W] bool."""
        return self._shown(camera, spread(self._free(), self.field.grid.shape[:3]))[..., 0] > _TOUCHED

    @torch.no_grad()
    def fit_colors(self, cameras: Cameras, pictures: Mapping[int, Tensor], weights: Mapping[int, Tensor]) -> None:
        """Fit the colours alone by linear least squares; see `nerf_methods.voxel.colors`. On the CPU."""
        field = self.field if self.device.type == "cpu" else deepcopy(self.field).cpu()
        rays = ColorRays.of(cameras, self.lenses, pictures, weights)
        free = None if self._frozen is None else self._free().cpu()
        fit_colors(field, rays, free=free, background=self.field.background.requires_grad)
        if field is not self.field:
            self.field.load_state_dict(field.state_dict())

    def _free(self) -> Tensor:
        assert self._frozen is not None  # the edit is confined
        return ~self._frozen

    def part_share(self, camera: Cameras, which: Tensor) -> Tensor:
        return self._shown(camera, which.to(self.device))

    @torch.no_grad()
    def _shown(self, camera: Cameras, chosen: Tensor) -> Tensor:
        rays = camera_rays(camera, 0, self.lenses, self.device)
        share = made_up(self.field, chosen, rays.origins, rays.directions)
        return share.view(int(camera.height[0]), int(camera.width[0]), 1)

    def _freeze(self, frozen: Tensor | None) -> None:
        self._frozen = frozen
        # the background is seen everywhere
        self.field.background.requires_grad_(self.config.learn_background and frozen is None)

    def _keep_frozen(self, gradient: Tensor) -> Tensor:
        """A value without a gradient is left alone by the optimiser, and by its smoothness prior."""
        if self._frozen is None:
            return gradient
        return gradient.masked_fill_(self._frozen.view(*gradient.shape[:3], 1), 0.0)

    def counters(self) -> dict[str, Tensor]:
        """What is frozen, for exact resume."""
        return {} if self._frozen is None else {"frozen": self._frozen}

    def load_counters(self, counters: Mapping[str, Tensor]) -> None:
        self._freeze(counters["frozen"].to(self.device) if "frozen" in counters else None)

    # Training

    def get_param_groups(self) -> dict[str, list[Parameter]]:
        behind = {"background": [self.field.background]} if self.config.learn_background else {}
        return {"fields": [self.field.grid], **behind}

    def get_training_callbacks(self, attributes: TrainingCallbackAttributes) -> list[TrainingCallback]:
        assert attributes.optimizers is not None
        optimizer = attributes.optimizers.optimizers["fields"]

        def refine(step: int) -> None:
            """Runs before a step, so that a resumed run meets the same field as an uninterrupted one."""
            if step in self.config.upsample_steps:
                index = self.config.upsample_steps.index(step) + 1
                if self.field.resolution < self.config.resolutions[index]:
                    self.field.resize(self.config.resolutions[index], optimizer)
                    self.field.update_occupancy(self.config.min_alpha)
            elif step >= self.config.occupancy_start and step % self.config.occupancy_every == 0:
                self.field.update_occupancy(self.config.min_alpha)

        def bound(step: int) -> None:
            self.field.background.data.clamp_(0.0, 1.0)

        return [
            TrainingCallback([TrainingCallbackLocation.BEFORE_TRAIN_ITERATION], refine),
            TrainingCallback([TrainingCallbackLocation.AFTER_TRAIN_ITERATION], bound),
        ]

    def get_outputs(self, ray_bundle: RayBundle) -> dict[str, Tensor]:
        n = ray_bundle.origins.shape[0]
        if self.training:
            jitter = torch.rand(n, generator=self.generator).to(self.device)
            explore = self.config.explore_every
        else:
            jitter, explore = None, 0
        rgb, accumulation, depth = self.field.render(
            ray_bundle.origins, ray_bundle.directions, jitter, explore_every=explore
        )
        return {"rgb": rgb, "accumulation": accumulation[:, None], "depth": depth[:, None]}

    def get_loss_dict(self, outputs, batch, metrics_dict=None) -> dict[str, Tensor]:
        difference = outputs["rgb"] - batch["image"].to(self.device)
        loss = difference.abs().mean() if self.config.loss == "l1" else difference.square().mean()
        return {"rgb_loss": loss}

    def get_image_metrics_and_images(self, outputs, batch) -> tuple[dict[str, float], dict[str, Tensor]]:
        return judged(outputs, batch["image"])

    def solid_field(self) -> SolidField:
        """The field as meshing sees it: what lies among the cameras, or the core cube if nothing lies beyond."""

        def density(points: Tensor) -> Tensor:
            return self.field.density_and_color(points)[0][..., 0]

        def color(points: Tensor, directions: Tensor) -> Tensor:
            return self.field.density_and_color(points)[1]

        return SolidField(density, color, 1.0 if self.field.contracted else self.field.core_radius, self.device)

    def get_rgba_image(self, outputs: dict[str, Tensor], output_name: str = "rgb") -> Tensor:
        """Colour with the share of light that the field itself sends as alpha; [H, W, 4]."""
        return torch.cat([outputs[output_name], outputs["accumulation"]], dim=-1)
