"""Show the scene of a run that follows a plan, and note what was planned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from editor3d.editors import origin_of
from editor3d.plugin.bases.base import Base
from editor3d.plugin.train.shown import PipelineViews

if TYPE_CHECKING:
    from editor3d.plugin.edit.based import BasedTrainerConfig
    from editor3d.plugin.edit.planned import PlannedPipeline


class PlannedScene(PipelineViews):
    """What `editor3d.run.results.Shown` asks and all edits of a base have in common; the rest is their own."""

    pipeline: PlannedPipeline

    def __init__(self, run: Path, pipeline: PlannedPipeline, config: BasedTrainerConfig, base: Base) -> None:
        super().__init__(pipeline, run)
        self.config, self.base = config, base

    @property
    def title(self) -> str:
        return self.pipeline.plan.instruction

    def record(self) -> dict[str, Any]:
        plan = self.pipeline.plan
        return {
            "instruction": plan.instruction,
            "method": str(self.config.method_name),
            "editor": plan.editor,
            "editor_reason": plan.reasons["editor"],
            "origin": origin_of(plan.editor),
            "seed": self.config.machine.seed,
            "data": str(self.pipeline.datamanager.config.data),
            "base": str(self.base.checkpoint),
            "guidance_scale": plan.guidance_scale,
            "region": self.pipeline.region,
        }
