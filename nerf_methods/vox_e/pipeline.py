"""The pipeline of Vox-E: distillation with L_reg3D; for a local edit then the graph cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.utils.rich_utils import CONSOLE
from torch import Tensor
from torch.nn import Parameter

from editor3d.errors import ConfigError, InstructionError
from editor3d.guidance import guidance_entry
from editor3d.guidance.attention import attention_maps
from editor3d.guidance.prompts import view_prompt
from editor3d.options import MethodOptions
from nerf_methods.distillation.pipeline import DistillationPipeline, DistillationPipelineConfig
from nerf_methods.distillation.views import DrawnView
from nerf_methods.vox_e.attention import AttentionGrids, CutSettings, cut, merge, save_attention
from nerf_methods.vox_e.correlation import DensityReference
from nerf_methods.voxel.model import VoxelModelConfig

ATTENTION_FILE = "attention.safetensors"


@dataclass
class VoxEPipelineConfig(DistillationPipelineConfig):
    """Configuration of `VoxEPipeline`."""

    GUIDANCES: ClassVar[tuple[str, ...]] = ("sds", "tiny-t2i")
    _target: type = field(default_factory=lambda: VoxEPipeline)
    reg_weight: float = 200.0
    """Weight L_reg3D, which keeps the density correlated with the source's."""
    view_words: bool | None = None
    """Add to the prompt which side a view shows. The default does so where the model was trained on such texts."""
    front_view: str = ""
    """Name the training view that sees the front. The default is the first."""
    edit_words: str = ""
    """Name the words of the prompt that describe the edit. The edit is then local: the rest of the scene stays
    unchanged."""
    object_words: str = ""
    """Name the words of the prompt that describe the rest. Without them the rest is what the edit's words do not attend
    to."""
    refine_steps: int = 2000
    """Fit the attention of a local edit in this many of the run's steps."""
    attention_timestep: int = 200
    """Read attention at this timestep."""
    attention_resolution: int = 16
    """Read attention maps whose shorter side has this many cells."""
    smoothness: float = 5.0
    """Set lambda, the cost of separating two neighbouring voxels of one colour."""
    sigma: float = 0.1
    """Set the difference of colour across which separating voxels is cheap."""
    temperature: float = 1.0
    """Set the temperature of the softmax over the two attentions."""
    color_weight: float = 2.0
    """Weight the scene's colours beside attention when a local edit's voxels are chosen; 0 for the paper's energy."""

    @property
    def method(self) -> str:
        return "vox-e"

    @property
    def is_local(self) -> bool:
        return bool(self.edit_words)

    def check(self, options: MethodOptions) -> None:
        super().check(options)
        for words, flag in ((self.edit_words, "edit-words"), (self.object_words, "object-words")):
            if words.lower() not in options.instruction.lower():
                raise InstructionError(f'Expected words of "{options.instruction}" for {flag}, got "{words}".')
        if self.object_words and not self.edit_words:
            raise ConfigError("Expected edit-words besides object-words, got none: say what the edit is about.")
        if self.is_local and self.refine_steps < 1:
            raise ConfigError(
                f"Expected at least 1 step for the attention, got {self.refine_steps}: raise refine-steps."
            )
        if self.sigma <= 0.0 or self.temperature <= 0.0 or self.color_weight < 0.0:
            raise ConfigError(
                f"Expected sigma and temperature above 0 and a color-weight of at least 0, got {self.sigma:g}, "
                f"{self.temperature:g} and {self.color_weight:g}."
            )

    def check_steps(self, total: int) -> None:
        if self.is_local and total <= self.refine_steps:
            raise ConfigError(
                f"Expected more steps than the {self.refine_steps} that fit the attention, got {total}: raise "
                "max-num-iterations, or lower refine-steps."
            )

    def scales(self) -> dict[str, float | None]:
        return {"reg-weight": self.reg_weight, "smoothness": self.smoothness}


class VoxEPipeline(DistillationPipeline):
    """Steps up to `distill_steps` change G_e; the rest fit attention to it; after the last one G_r takes its place."""

    config: VoxEPipelineConfig

    def __init__(self, config: VoxEPipelineConfig, *args, **kwargs) -> None:
        super().__init__(config, *args, **kwargs)
        self._reference: DensityReference | None = None
        self._cut: dict[str, int] = {}
        local = config.is_local and kwargs.get("test_mode") == "val"
        self._attention = AttentionGrids(self.voxel_field()) if local else None

    def get_param_groups(self) -> dict[str, list[Parameter]]:
        own = {} if self._attention is None else {"attention": [self._attention.field.grid]}
        return {**super().get_param_groups(), **own}

    def begin(self, base: Mapping[str, Tensor], total_steps: int) -> None:
        super().begin(base, total_steps)
        self._reference = DensityReference(self.begun().source)
        if self._attention is not None:
            self._attention.begin(self.begun().source)

    def front(self) -> int:
        if not self.config.front_view:
            return 0
        names = [view.name for view in self.datamanager.train_dataset.metadata["views"]]
        if self.config.front_view not in names:
            raise ConfigError(
                f"Expected the name of a training view for front-view, such as {names[0]}, got "
                f"{self.config.front_view}: choose one."
            )
        return names.index(self.config.front_view)

    def distill_steps(self) -> int:
        return self.begun().total_steps - (self.config.refine_steps if self.config.is_local else 0)

    def prompts(self, views: list[DrawnView]) -> list[str]:
        words = self.config.view_words
        if words is None:
            words = guidance_entry(self.plan.editor).knows_views
        if not words:
            return super().prompts(views)
        return [view_prompt(self.plan.instruction, view.azimuth, view.elevation) for view in views]

    def get_train_loss_dict(self, step: int):
        if step >= self.distill_steps():
            return {}, {"attention_loss": self._attention_loss()}, {}
        return super().get_train_loss_dict(step)

    def further_losses(self, outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        if not self.config.reg_weight:
            return {}
        assert self._reference is not None
        return {"reg3d_loss": self.config.reg_weight * self._reference.loss(self.voxel_field())}

    def _attention_loss(self) -> Tensor:
        session: Any = self.begun()  # only guidance with attention has a prior to look at
        (view,) = session.views.draw(1, self.generator)
        with self.stopwatch.measure("render"), torch.no_grad():
            picture = self.render(view)
        chosen = self.config
        words = [chosen.edit_words] + ([chosen.object_words] if chosen.object_words else [])
        with self.stopwatch.measure("edit"):
            maps = attention_maps(
                session.guidance.prior,
                picture[None],
                self.plan.instruction,
                words,
                generator=self.generator,
                timestep=chosen.attention_timestep,
                resolution=chosen.attention_resolution,
            )[0]
        return self._grids().loss(session.views.rays(view, self.device), view.size, maps)

    def _grids(self) -> AttentionGrids:
        assert self._attention is not None  # the edit is local
        return self._attention

    def get_training_callbacks(self, attributes: TrainingCallbackAttributes) -> list[TrainingCallback]:
        before = TrainingCallbackLocation.BEFORE_TRAIN_ITERATION
        after = TrainingCallbackLocation.AFTER_TRAIN_ITERATION
        own = [TrainingCallback([before], self._before), TrainingCallback([after], self._after)]
        return [*own, *super().get_training_callbacks(attributes)]

    def _before(self, step: int) -> None:
        if self._attention is not None and self.session is not None and step == self.distill_steps():
            with self.stopwatch.measure("fit"):
                self._attention.begin(self.voxel_field())

    def _after(self, step: int) -> None:
        """Runs before the checkpoint of the last step, which so holds the result."""
        if self._attention is not None and self.session is not None and step == self.session.total_steps - 1:
            with self.stopwatch.measure("fit"):
                self._refine()

    def _refine(self) -> None:
        chosen, source, field = self.config, self.begun().source, self.voxel_field()
        edit, rest = self._grids().values()
        rest = rest if chosen.object_words else None
        assert isinstance(self.model.config, VoxelModelConfig)
        least = self.model.config.min_alpha
        settings = CutSettings(chosen.smoothness, chosen.sigma, chosen.temperature, chosen.color_weight, least)
        found = cut(edit, rest, self._grids().seen, field, source, settings)
        save_attention(chosen.run_folder() / ATTENTION_FILE, edit, rest, found.mask)
        merge(field, source, found.mask)
        field.update_occupancy(least)
        self._cut = {"edited_voxels": found.voxels, "filled_voxels": found.of, "components": found.components}
        CONSOLE.print(f"The edit takes {found.voxels} of {found.of} voxels, the largest of {found.components} parts.")

    def state(self) -> dict[str, Any]:
        return {"cut": self._cut} | (
            {} if self._attention is None else {"attention": self._attention.field.state_dict()}
        )

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._cut = dict(state["cut"])
        if self._attention is not None:
            self._attention.field.load_state_dict(state["attention"])

    def describe(self) -> dict[str, Any]:
        keys = ["reg_weight"]
        if self.config.is_local:
            keys += ["edit_words", "object_words", "refine_steps", "smoothness", "sigma", "temperature", "color_weight"]
        return {**super().describe(), **{key: vars(self.config)[key] for key in keys}}

    def results(self) -> dict[str, Any]:
        return dict(self._cut)
