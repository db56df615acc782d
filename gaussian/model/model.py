"""Gaussian splats as a nerfstudio model, on any device: how they are trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.utils.rich_utils import CONSOLE
from torch import Tensor

from editor3d.plugin.train.judged import judged
from editor3d.plugin.train.pictures import TrainingPictures
from gaussian.draw.selection import PosedPinhole, light
from gaussian.fit.colors import ColorTarget, fit_colors
from gaussian.fit.initialize import from_points, seeds
from gaussian.fit.losses import elongation, photometric
from gaussian.model.drawn import DrawnScene
from gaussian.model.parameters import PARAMETERS
from gaussian.model.settings import SplatSettings
from gaussian.splats import concatenate
from gaussian.start.points import points_from_pictures
from gaussian.start.trust import why_not_to_be_used

_REGULARIZE_EVERY = 10
_SEEN = 1.0  # pixel


@dataclass
class SplatModelConfig(SplatSettings):
    """Configuration of `SplatModel`."""

    _target: type = field(default_factory=lambda: SplatModel)


class SplatModel(DrawnScene):
    """A scene of Gaussians that training moves, multiplies and colours."""

    config: SplatModelConfig

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

    def get_image_metrics_and_images(self, outputs, batch) -> tuple[dict[str, float], dict[str, Tensor]]:
        return judged(outputs, batch["image"])
