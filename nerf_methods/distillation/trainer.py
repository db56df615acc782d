"""The trainer of score distillation: load a voxel field, optimise it, write the results."""

from __future__ import annotations

from dataclasses import dataclass, field

from editor3d.errors import CheckpointError, ConfigError
from editor3d.guidance import guidance_entry
from editor3d.plugin.bases.base import Base
from editor3d.plugin.confine.regions import check_seen
from editor3d.plugin.edit.based import BasedTrainer, BasedTrainerConfig
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
        options = self.options
        flags = {"quick": options.quick, "approve": options.approve, "edits": isinstance(options.edits, int)}
        for flag in (flag for flag, given in flags.items() if given):
            raise ConfigError(f"Expected no --{flag} with {self.method_name}, which edits no pictures: leave it out.")
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
        return guidance_entry(self.planned().editor).info.keeps_shape

    def find_base(self) -> Base:
        base, config = super().find_base(), self.config
        found = None if base.config is None else base.config.pipeline.model
        if found is not None and not isinstance(found, VoxelModelConfig):
            raise CheckpointError(
                f"Expected a voxel field as the base of {config.method_name}, found {type(found).__name__} in "
                f"{base.run}: give a run of voxel or relu-field, or leave --load-dir out."
            )
        return base

    def load_extra_state(self, state: dict) -> None:
        self.begin()
        self.pipeline.load_state(state["distillation"])

    def extra_state(self) -> dict:
        return {"distillation": self.pipeline.state()}

    def begin(self) -> None:
        self.pipeline.begin(self.base_state(), self.config.max_num_iterations)
        self.results = self.results_of(DistilledScene(self.base_dir, self.pipeline, self.config, self.base))
