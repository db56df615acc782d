"""The Gaussians of a scene as a nerfstudio model holds them: parameters, what may change, checkpoints and files.

Parameters bear splatfacto's names, whose checkpoints load.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.scene_box import OrientedBox
from nerfstudio.engine.trainer import TrainerConfig
from nerfstudio.models.splatfacto import SplatfactoModelConfig
from torch import Tensor, nn

from editor3d.plugin.train.scene import PluginModel
from editor3d.types import Confinement, Freeze, SceneCapabilities, View
from gaussian.files import write_splats
from gaussian.files.contents import SplatFile
from gaussian.fit.growth import Growth
from gaussian.fit.initialize import from_points, random_points
from gaussian.model.parameters import PARAMETERS, parameters_of, splats_of
from gaussian.model.settings import SplatSettings
from gaussian.model.splatfacto import is_splatfacto, scene_of, settings_of
from gaussian.raster.view_weights import ViewWeights
from gaussian.splats import Splats, transform_back

FADED = 0.02
"""Opacity of Gaussians that are to go: just above that at which they are removed."""
_HIDDEN = -1e4  # logit of an opacity of 0
_NEAR = 0.01  # times the scene's size


class SplatScene(PluginModel):
    """Gaussians that training and files change; how they are drawn and trained is added below it."""

    config: SplatSettings
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

    @property
    def splats(self) -> Splats:
        """The scene, sharing memory with the parameters."""
        return splats_of(dict(self.gauss_params.items()))

    def set_splats(self, splats: Splats) -> None:
        """Take over a scene. The Parameter objects stay the same: optimisers still hold what is rendered."""
        self._view_weights.clear()
        for name, value in parameters_of(splats).items():
            self.gauss_params[name].data = value.to(self.device)
            self.gauss_params[name].grad = None

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

    def counters(self) -> dict[str, int | Tensor]:
        """What densification has gathered since it last acted, and the mean so far, for exact resume."""
        return self.growth.counters()

    def load_counters(self, counters: Mapping[str, int | Tensor]) -> None:
        self.growth.load_counters(counters, self.device)
