"""The trainer of score distillation: load a voxel field, optimise it, write the results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nerfstudio.utils.rich_utils import CONSOLE
from torch import Tensor

from editor3d.errors import CheckpointError
from editor3d.guidance import guidance_entry
from editor3d.plugin.bases.base import Base, check_pictures, check_quality
from editor3d.plugin.confine.regions import check_seen
from editor3d.plugin.edit.based import BasedTrainer, BasedTrainerConfig
from editor3d.run import checkpoints
from editor3d.run.results import EditResults
from nerf_methods.distillation.distilled import DistilledScene
from nerf_methods.distillation.pipeline import DistillationPipeline, DistillationPipelineConfig
from nerf_methods.distillation.plan import DistillationPlan
from nerf_methods.voxel.model import VoxelModelConfig


@dataclass
class DistillationTrainerConfig(BasedTrainerConfig):
    """Configuration of an edit by score distillation."""

    _target: type = field(default_factory=lambda: DistillationTrainer)
    pipeline: DistillationPipelineConfig = field(default_factory=DistillationPipelineConfig)

    def check(self) -> None:
        self.check_options()
        self.pipeline.check(self.options)
        plan = self.pipeline.plan or self.pipeline.resolve(self.options)
        self.pipeline.create_guidance(plan, "cpu").validate()
        self.pipeline.check_steps(self.max_num_iterations)
        super().check()
        if plan.region:
            check_seen(plan.region, self.capture(), self.get_base_dir())


class DistillationTrainer(BasedTrainer):
    """Pulls a voxel field towards what a diffusion model makes of a text, then writes pictures, video and record."""

    config: DistillationTrainerConfig
    pipeline: DistillationPipeline

    def make_plan(self) -> DistillationPlan:
        return self.config.pipeline.resolve(self.config.options)

    def keeps_shape(self) -> bool:
        return guidance_entry(self.config.pipeline.plan.editor).info.keeps_shape

    def find_base(self) -> Base:
        base, config = super().find_base(), self.config
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
        check_quality(self.base, self.pipeline, self.base_dir, self.config.options.force)
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
        plan = self.pipeline.plan
        CONSOLE.print(f'"{plan.instruction}" by {plan.editor} ({plan.reasons["editor"]})')
        done = super().fit()
        if done:
            self.results.save_after()
        self.results.save_record(self.completed + 1)
        if done:
            self.results.announce()
        return done
