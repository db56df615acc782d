"""Gaussian splats as a nerfstudio model, on any device. Parameters bear splatfacto's names, whose checkpoints load."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.scene_box import OrientedBox
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.engine.trainer import TrainerConfig
from nerfstudio.models.splatfacto import SplatfactoModelConfig
from nerfstudio.utils.rich_utils import CONSOLE
from torch import Tensor, nn

from editor3d.geometry.lens import Lens
from editor3d.plugin.train.judged import judged
from editor3d.plugin.train.pictures import TrainingPictures
from editor3d.plugin.train.scene import PluginModel
from editor3d.types import Confinement, Freeze, SceneCapabilities, View
from gaussian.draw.depth import median_depth, slabs
from gaussian.draw.drawing import draw, viewmat_of
from gaussian.draw.lens import canvas_of, ray_lengths
from gaussian.draw.selection import PosedPinhole, light, vote
from gaussian.files import write_splats
from gaussian.files.contents import SplatFile
from gaussian.fit.colors import ColorTarget, fit_colors
from gaussian.fit.growth import Growth
from gaussian.fit.initialize import from_points, random_points, seeds
from gaussian.fit.losses import elongation, photometric
from gaussian.model.background import color_behind, is_transparent
from gaussian.model.parameters import PARAMETERS, harmonics_of, parameters_of, splats_of
from gaussian.model.settings import SplatSettings
from gaussian.model.splatfacto import is_splatfacto, scene_of, settings_of
from gaussian.raster.kernels.harmonics import MAX_DEGREE
from gaussian.raster.view_weights import ViewWeights
from gaussian.splats import Splats, concatenate, transform_back
from gaussian.start.points import points_from_pictures
from gaussian.start.trust import why_not_to_be_used

FADED = 0.02
"""Opacity of Gaussians that are to go: just above that at which they are removed."""
_HIDDEN = -1e4  # logit of an opacity of 0
_REGULARIZE_EVERY = 10
_SEEN = 1.0  # pixel
_NEAR = 0.01  # times the scene's size


@dataclass
class SplatModelConfig(SplatSettings):
    """Configuration of `SplatModel`."""

    _target: type = field(default_factory=lambda: SplatModel)


class SplatModel(PluginModel):
    """A scene of Gaussians, rendered through a pinhole canvas that is bent to each view's lens."""

    config: SplatModelConfig
    capabilities = SceneCapabilities(
        parts=True, inserts=True, whole_pictures=True, fits_colors=True, scene_suffixes=(".ply",)
    )

    def __init__(self, *args, seed_points: tuple[Tensor, Tensor] | None = None, **kwargs) -> None:
        self.seed_points = seed_points
        super().__init__(*args, **kwargs)

    def populate_modules(self) -> None:
        super().populate_modules()
        generator = torch.Generator().manual_seed(0)
        if self.seed_points is not None:
            points, colors = self.seed_points[0], self.seed_points[1].float() / 255.0
        else:
            points, colors = random_points(self.config.num_random, self.config.random_radius, generator)
        config = self.config
        start = parameters_of(from_points(points, colors, config.sh_degree, generator, config.initial_opacity))
        self.gauss_params = nn.ParameterDict({name: nn.Parameter(value) for name, value in start.items()})
        self.step = 0
        self.crop_box: OrientedBox | None = None
        self.growth = Growth(self.gauss_params, config.strategy, config.scene_scale, self.num_train_data)
        suffixes = dict.fromkeys((*self.capabilities.scene_suffixes, config.scene_suffix))
        self.capabilities = replace(self.capabilities, scene_suffixes=tuple(suffixes))
        self.views: Sequence[View] = self.kwargs.get("metadata", {}).get("views", ())
        self._view_weights: dict[int, ViewWeights] = {}  # for a second fit of colours, until the scene is trained

    # The scene

    @property
    def splats(self) -> Splats:
        """The scene, sharing memory with the parameters."""
        return splats_of(dict(self.gauss_params.items()))

    def set_splats(self, splats: Splats) -> None:
        """Take over a scene. The Parameter objects stay the same, so that optimisers go on holding what is rendered."""
        self._view_weights.clear()
        for name, value in parameters_of(splats).items():
            self.gauss_params[name].data = value.to(self.device)
            self.gauss_params[name].grad = None

    def begin_from_pictures(self, pictures: TrainingPictures, cameras: Cameras, steps: int) -> None:
        """Put Gaussians where training pictures show something, unless the capture's own points do."""
        if self.config.without_points == "random":
            return
        wrong = "no sparse points"
        if self.seed_points is not None:
            wrong = why_not_to_be_used(
                self.seed_points[0].float(), self.seed_points[1].float() / 255.0, pictures, cameras
            )
        if wrong is None:
            return
        start = points_from_pictures(pictures, cameras, background=self._background().tolist(), steps=steps)
        if start is None:
            return
        count = len(start.points)
        CONSOLE.print(f"The capture has {wrong}: the scene starts from {count} points on what its pictures show.")
        generator = torch.Generator().manual_seed(0)
        opacity = self.config.initial_opacity
        self.set_splats(from_points(start.points, start.colors, self.config.sh_degree, generator, opacity))

    def insert(self, points: Tensor, colors: Tensor | None = None) -> None:
        """Put faint Gaussians at points [M, 3] scene units, for training to make something of.

        For before the first step, while optimisers hold nothing of any.
        """
        self.set_splats(concatenate([self.splats.to("cpu"), seeds(points, self.sh_degree, colors)]))

    @contextmanager
    def hidden(self, which: Tensor) -> Iterator[None]:
        """See `EditableScene.hidden`."""
        opacities = self.gauss_params["opacities"]
        kept = opacities.data
        opacities.data = kept.masked_fill(which.to(kept.device)[:, None], _HIDDEN)
        try:
            yield
        finally:
            opacities.data = kept

    @torch.no_grad()
    def fade(self, which: Tensor) -> None:
        """Give some Gaussians [N] bool an opacity of `FADED`, unless theirs is lower."""
        opacities = self.gauss_params["opacities"]
        lower = opacities.clamp(max=math.log(FADED / (1.0 - FADED)))
        opacities.copy_(torch.where(which.to(opacities.device)[:, None], lower, opacities))

    @property
    def strategy_state(self) -> dict[str, Any]:
        """What densification depends on; `frozen` [N] bool, once an edit is kept to a region."""
        return self.growth.state

    @property
    def means(self) -> Tensor:
        return self.gauss_params["means"]

    @property
    def positions(self) -> Tensor:
        """The centres, [N, 3] scene units."""
        return self.means.detach()

    @property
    def sh_degree(self) -> int:
        """Greatest degree of the harmonics that the scene holds."""
        return int((1 + self.gauss_params["features_rest"].shape[1]) ** 0.5) - 1

    @property
    def near(self) -> float:
        """What is nearer to a camera is not drawn, scene units."""
        return _NEAR * self.config.scene_scale

    @property
    def num_points(self) -> int:
        return len(self.means)

    def _load_from_state_dict(self, state_dict, prefix, *args, **kwargs) -> None:
        """A checkpoint may hold another number of Gaussians, or of harmonics: take the checkpoint's."""
        for name, parameter in self.gauss_params.items():
            stored = state_dict.get(f"{prefix}gauss_params.{name}")
            if stored is not None and stored.ndim == parameter.ndim:
                parameter.data = torch.empty(stored.shape, device=parameter.device)
                parameter.grad = None
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def confine(self, confinement: Confinement) -> None:
        """Freeze all Gaussians outside: from here on training leaves every one of their numbers unchanged.

        Out of a shape in which centres may change none may come. Gaussians that are chosen one by one have no border to
        be kept in; their copies belong to them.

        Raises:
            RegionError: there is no Gaussian inside, or the confinement is none by freezing.
        """
        match confinement:
            case Freeze(where):
                self.growth.freeze_outside(where)
                self.confinement = confinement
            case _:
                super().confine(confinement)

    def mask_shares(self, cameras: Cameras, masks: Mapping[int, Tensor]) -> Tensor:
        """How much of what views show of each Gaussian lies inside their masks; see `gaussian.draw.selection.vote`.

        0 for what none of these cameras sees.
        """
        pinholes = [PosedPinhole.of(cameras, index, self.near) for index in masks]
        return vote(self.splats, pinholes, list(masks.values()))

    @torch.no_grad()
    def region_share(self, camera: Cameras) -> Tensor:
        free = (~self.strategy_state["frozen"]).float()
        return self._draw(camera, colors=free[:, None], sh_degree=None)[0]

    @torch.no_grad()
    def region_touches(self, camera: Cameras) -> Tensor:
        """The pixels of a view that something free to change reaches, be it hidden or not: [H, W] bool.

        A share may be 0 where it does: what lies behind all else can still be what ends a pixel.
        """
        with self.hidden(self.strategy_state["frozen"]):
            return self._draw(camera, colors=torch.zeros_like(self.means), sh_degree=None)[1][..., 0] != 0

    @torch.no_grad()
    def fit_colors(self, cameras: Cameras, pictures: Mapping[int, Tensor], weights: Mapping[int, Tensor]) -> None:
        """Fit the colours alone by linear least squares; see `gaussian.fit.colors`. On the CPU."""
        near = self.near
        targets = [ColorTarget.of(cameras, index, pictures[index], weights[index], near) for index in pictures]
        frozen = self.strategy_state.get("frozen")
        fitted = fit_colors(
            {name: value.detach().cpu() for name, value in self.gauss_params.items()},
            targets,
            background=self._background(),
            antialiased=self.config.rasterize_mode == "antialiased",
            free=None if frozen is None else ~frozen.cpu(),
            kept=self._view_weights,
        )
        for name, value in fitted.items():
            self.gauss_params[name].copy_(value)

    def get_param_groups(self) -> dict[str, list[nn.Parameter]]:
        return {name: [self.gauss_params[name]] for name in PARAMETERS}

    def captured(self, outputs: DataparserOutputs) -> SplatFile:
        """The scene on the CPU, in the frame and scale of the capture file."""
        splats = self.splats.detach().to("cpu")
        splats, offset = transform_back(splats, outputs.dataparser_transform, outputs.dataparser_scale)
        antialiased = self.config.rasterize_mode == "antialiased"
        return SplatFile(splats, offset, antialiased=antialiased, comments=tuple(self.config.scene_comments))

    def write_scene(self, path: Path, outputs: DataparserOutputs) -> int:
        """Write the scene as a file of splats.

        Of a capture far from the origin the file has coordinates about its middle, and says what to add to them.
        """
        write_splats(path, self.captured(outputs))
        return self.num_points

    def adapt_base_state(
        self, state: Mapping[str, Any], base: TrainerConfig | None, views: Sequence[View]
    ) -> Mapping[str, Any]:
        """One of nerfstudio's splatfacto says some things otherwise; its settings are taken over.

        Raises:
            CheckpointError: a setting of the base has no counterpart here.
        """
        if not is_splatfacto(state, base):
            return state
        if base is not None:
            theirs = base.pipeline.model
            assert isinstance(theirs, SplatfactoModelConfig)
            for name, value in settings_of(theirs).items():
                setattr(self.config, name, value)
        return scene_of(state)

    # Training

    def counters(self) -> dict[str, int | Tensor]:
        """What densification has gathered since it last acted, and the mean so far, for exact resume."""
        return self.growth.counters()

    def load_counters(self, counters: Mapping[str, int | Tensor]) -> None:
        self.growth.load_counters(counters, self.device)

    def update_to_step(self, step: int) -> None:
        self.step = step

    def get_training_callbacks(self, attributes: TrainingCallbackAttributes) -> list[TrainingCallback]:
        assert attributes.optimizers is not None
        assert attributes.trainer is not None
        optimizers = attributes.optimizers.optimizers
        rates = attributes.optimizers.schedulers["means"]
        total = attributes.trainer.config.max_num_iterations
        average_from = total - round(self.config.average_share * total)

        def begin(step: int) -> None:
            self.step = step
            self._view_weights.clear()  # what is trained now may move
            if step == 0 and self.config.hold_unseen:
                pipeline: Any = attributes.pipeline
                self._hold_unseen(pipeline.datamanager.train_dataset.cameras)
            optimizers["means"].param_groups[0]["lr"] = rates.get_last_lr()[0] * self.config.scene_scale
            self.growth.before_step({name: optimizers[name] for name in PARAMETERS})

        def end(step: int) -> None:
            self.growth.after_step(step, average=step >= average_from, last=step == total - 1)

        return [
            TrainingCallback([TrainingCallbackLocation.BEFORE_TRAIN_ITERATION], begin),
            TrainingCallback([TrainingCallbackLocation.AFTER_TRAIN_ITERATION], end),
        ]

    def _hold_unseen(self, cameras: Cameras) -> None:
        """Freeze what makes up less than a pixel of all training pictures together."""
        if "frozen" in self.growth.state:  # a region says what may change
            return
        pinholes = [PosedPinhole.of(cameras, index, self.near) for index in range(len(cameras))]
        seen = light(self.splats, pinholes) >= _SEEN
        if bool(seen.any()):
            self.growth.freeze_outside(seen)

    def get_loss_dict(self, outputs, batch, metrics_dict=None) -> dict[str, Tensor]:
        drawn, wanted = outputs["rgb"], batch["image"].to(self.device)
        if "mask" in batch:
            mask = batch["mask"].to(self.device)
            drawn, wanted = drawn * mask, wanted * mask
        trained = self.growth.held(dict(self.gauss_params.items()))
        weight = batch["weight"].to(self.device) if "weight" in batch else None
        losses = photometric(drawn, wanted, self.config.ssim_lambda, weight)
        if self.config.use_scale_regularization and self.step % _REGULARIZE_EVERY == 0:
            losses["scale_reg"] = 0.1 * elongation(trained["scales"], self.config.max_gauss_ratio)
        return losses | self.config.strategy.regularization(trained)

    # Rendering

    def get_outputs(self, camera: Cameras) -> dict[str, Tensor]:
        """Draw one camera.

        With `canvas` in the camera's metadata the picture stays on the pinhole canvas, as training wants it, at
        1/`downscale` of its resolution.

        Returns:
            rgb [H, W, 3], accumulation [H, W, 1] and, outside training, depth [H, W, 1]: the expected distance along
            the ray, scene units.
        """
        degree = min(MAX_DEGREE, self._degree_in_use())
        sh = harmonics_of(dict(self.gauss_params.items()), degree)
        drawn, accumulation, depth = self._draw(camera, sh, degree, self._background()[None].to(self.device))
        outputs = {"rgb": drawn, "accumulation": accumulation}
        if not self.training or self.config.clamp_in_training:
            outputs["rgb"] = drawn.clamp(0.0, 1.0)
        if not self.training and depth is not None:
            outputs["depth"] = depth
        return outputs

    @cached_property
    def _transparent(self) -> bool:
        return is_transparent(self.views)

    def _background(self) -> Tensor:
        """The colour behind the scene now: [3]."""
        step = self.step if self.training and self.config.random_background else None
        return color_behind(self.config.background, self._transparent, step)

    def _draw(
        self, camera: Cameras, colors: Tensor, sh_degree: int | None, background: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Picture [H, W, C], accumulation [H, W, 1], and outside training depth [H, W, 1], of Gaussians so coloured."""
        p = {name: self.gauss_params[name] for name in ("means", "quats", "scales", "opacities")} | {"colors": colors}
        if self.training:
            p = self.growth.held(p)
        if self.crop_box is not None and not self.training:
            inside = self.crop_box.within(p["means"]).squeeze(-1)
            p = {name: value[inside] for name, value in p.items()}
        picture, accumulation, depth, info = draw(
            p,
            camera,
            sh_degree=sh_degree,
            near=self.near,
            background=background,
            with_depth=not self.training,
            absgrad=self.training and self.config.strategy.absgrad,
            rasterize_mode=self.config.rasterize_mode,
        )
        if self.training:
            self.growth.info = info
            if info["means2d"].requires_grad:
                info["means2d"].retain_grad()
        return picture, accumulation, depth

    def _degree_in_use(self) -> int:
        interval, stored = self.config.sh_degree_interval, self.sh_degree
        return stored if not self.training or interval == 0 else min(stored, self.step // interval)

    @torch.no_grad()
    def get_outputs_for_camera(self, camera: Cameras, obb_box: OrientedBox | None = None) -> dict[str, Tensor]:
        """Outputs [H, W, C] of one camera; of what lies in a crop box, where one is given."""
        self.crop_box = obb_box
        try:
            if camera.shape == ():
                camera = camera.reshape((1,))
            return self.get_outputs(camera)
        finally:
            self.crop_box = None

    @torch.no_grad()
    def outputs_at(self, camera: Cameras, wanted: Tensor) -> dict[str, Tensor]:
        """Outputs [n, C] of the pixels of one camera that are wanted, [H, W] bool, row by row.

        In evaluation mode. `depth` is the median, along the ray: what hangs thinly before a surface does not count.
        """
        wanted = wanted.to(self.device)
        viewmat = viewmat_of(camera.camera_to_worlds[0].to(self.device))
        colors = slabs(self.means @ viewmat[2, :3] + viewmat[2, 3])
        outputs = self.get_outputs_for_camera(camera)
        depth = median_depth(self._draw(camera, colors, None)[0])
        outputs["depth"] = depth * ray_lengths(canvas_of(Lens.of(camera, 0)), on_canvas=False).to(depth)
        return {name: value[wanted] for name, value in outputs.items()}

    def get_image_metrics_and_images(self, outputs, batch) -> tuple[dict[str, float], dict[str, Tensor]]:
        return judged(outputs, batch["image"])

    def get_rgba_image(self, outputs: dict[str, Tensor], output_name: str = "rgb") -> Tensor:
        """Colour with the share of light that the scene itself sends as alpha; [H, W, 4]."""
        return torch.cat([outputs[output_name], outputs["accumulation"]], dim=-1)
