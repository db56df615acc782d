"""The trainer of score distillation: a base that is a voxel field, the run, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nerfstudio.utils.rich_utils import CONSOLE
from torch import Tensor

from editor3d.errors import CheckpointError, ConfigError, InstructionError
from editor3d.guidance import guidance_entry, resolve_auto_guidance
from editor3d.plugin.bases.base import Base, adopt_base, check_pictures, check_quality, ensure_base, open_base
from editor3d.plugin.confine.regions import check_seen
from editor3d.plugin.edit.trainer import EditTrainerConfig
from editor3d.plugin.train.config import PluginTrainerConfig
from editor3d.plugin.train.presets import apply_preset
from editor3d.plugin.train.trainer import PluginTrainer
from editor3d.regions import REGION_FILES, keep_files
from editor3d.run import checkpoints
from editor3d.run.results import EditResults
from nerf_methods.distillation.distilled import DistilledScene
from nerf_methods.distillation.pipeline import DistillationPipeline, DistillationPipelineConfig
from nerf_methods.voxel.model import VoxelModelConfig


@dataclass
class DistillationTrainerConfig(EditTrainerConfig):
    """Configuration of an edit by score distillation."""

    _target: type = field(default_factory=lambda: DistillationTrainer)
    pipeline: DistillationPipelineConfig = field(default_factory=DistillationPipelineConfig)

    def check(self) -> None:
        if self.preset is not None:
            apply_preset(self, self.preset)
        said = {text.strip() for text in (self.instruction, self.prompt, self.pipeline.prompt) if text and text.strip()}
        if len(said) != 1:
            got = f"several ({', '.join(sorted(said))})" if said else "none"
            raise InstructionError(f"Expected one instruction, got {got}: say --instruction alone.")
        self.pipeline.prompt = self.instruction = said.pop()
        self.prompt = None
        if self.region is not None:
            self.pipeline.region, self.region = self.region, None  # settled there, for a run that goes on
        if self.editor not in (None, "auto"):
            self.pipeline.guidance = self.editor
        if self.pipeline.guidance == "auto":  # settled now, so that a resumed run goes on with the same one
            self.pipeline.guidance, self.pipeline.guidance_reason = resolve_auto_guidance(self.pipeline.GUIDANCES)
        if self.turntable_frames < 0:
            raise ConfigError(f"Expected at least 0 turntable frames, got {self.turntable_frames}: 0 makes no video.")
        self.pipeline.check()
        self.pipeline.check_steps(self.max_num_iterations)
        PluginTrainerConfig.check(self)  # not that of edits by a 2D editor, which there is none of
        if self.pipeline.region:
            check_seen(self.pipeline.region, self.capture(), self.get_base_dir())


class DistillationTrainer(PluginTrainer):
    """Pulls a voxel field towards what a diffusion model makes of a text, then writes pictures, video and record."""

    config: DistillationTrainerConfig
    pipeline: DistillationPipeline

    def build(self, test_mode: Literal["test", "val", "inference"]) -> None:
        self.base = self._find_base()
        # what was found is part of the configuration from here on: a resumed run starts from the same
        self.config.load_checkpoint = self.base.checkpoint.resolve()
        self.config.load_dir = self.config.load_step = None
        self.config.pipeline.run = self.base_dir
        if self.config.pipeline.region:
            self.config.pipeline.region = keep_files(self.config.pipeline.region, self.base_dir / REGION_FILES)
        adopt_base(self.config, self.base)
        if guidance_entry(self.config.pipeline.guidance).info.keeps_shape:
            self.config.optimizers = self.config.pipeline.model.kept_shape(self.config.optimizers)
        self.config.write_config()
        super().build(test_mode)

    def _find_base(self) -> Base:
        config = self.config
        if config.load_checkpoint is not None:
            base = open_base(config.load_checkpoint)
        elif config.load_dir is not None:
            base = open_base(config.load_dir, config.load_step)
        else:
            base = ensure_base(config.base_method, config, config.base_steps)
        found = None if base.config is None else base.config.pipeline.model
        if found is not None and not isinstance(found, VoxelModelConfig):
            raise CheckpointError(
                f"Expected a voxel field as the base of {config.method_name}, found {type(found).__name__} in "
                f"{base.run}: give a run of voxel or relu-field, or leave --load-dir out."
            )
        return base

    def load_start(self) -> None:
        """Load the base's parameters, all or nothing; the steps of the edit are counted from 0."""
        manager = self.pipeline.datamanager
        check_pictures(self.base, manager.config.dataparser, manager.train_dataparser_outputs)
        state = self._base_state()
        self.pipeline.load_model_state(state, self.base.checkpoint)
        check_quality(self.base, self.pipeline, self.base_dir, self.config.force)
        self._begin(state)
        self.results.save_before()

    def load_extra_state(self, state: dict) -> None:
        self._begin(self._base_state())
        self.pipeline.load_state(state["distillation"])

    def extra_state(self) -> dict:
        return {"distillation": self.pipeline.state()}

    def _base_state(self) -> Mapping[str, Tensor]:
        return checkpoints.load(self.base.checkpoint, mapped=True)["pipeline"]

    def _begin(self, base: Mapping[str, Any]) -> None:
        self.pipeline.begin(base, self.config.max_num_iterations)
        distilled = DistilledScene(self.base_dir, self.pipeline, self.config, self.base)
        self.results = EditResults(
            self.base_dir, distilled, self.clock, self.pipeline.stopwatch, self.config.turntable_frames
        )

    def fit(self) -> bool:
        chosen = self.config.pipeline
        CONSOLE.print(f'"{self.config.instruction}" by {chosen.guidance} ({chosen.guidance_reason})')
        done = super().fit()
        if done:
            self.results.save_after()
        self.results.save_record(self.completed + 1)
        if done:
            self.results.announce()
        return done
