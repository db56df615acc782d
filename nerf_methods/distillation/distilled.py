"""A scene edited by score distillation, as its results show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from editor3d.plugin.bases.base import Base
from editor3d.plugin.train.shown import PipelineViews
from nerf_methods.distillation.pipeline import DistillationPipeline
from nerf_methods.voxel.files import save_field

if TYPE_CHECKING:
    from nerf_methods.distillation.trainer import DistillationTrainerConfig

FIELD_FILE = "field.safetensors"


class DistilledScene:
    """`editor3d.run.results.Shown` of an edit by score distillation: there are no edited 2D pictures."""

    def __init__(
        self, run: Path, pipeline: DistillationPipeline, config: DistillationTrainerConfig, base: Base
    ) -> None:
        self.pipeline, self.config, self.base = pipeline, config, base
        self._seen = PipelineViews(pipeline, run)
        self.views = self._seen.views

    @property
    def title(self) -> str:
        return self.pipeline.plan.instruction

    def render(self, *, edited: bool) -> Iterator[Tensor]:
        return self._seen.render()

    def turntable(self, frames: int) -> Iterator[Tensor]:
        return self._seen.turntable(frames)

    def publish(self, folder: Path) -> None:
        """No picture was edited."""

    def export(self, folder: Path) -> None:
        save_field(folder / FIELD_FILE, self.pipeline.model.field)

    def exported(self, folder: Path) -> list[tuple[str, Path]]:
        return [("Scene", folder / FIELD_FILE)]

    def record(self) -> dict[str, Any]:
        plan = self.pipeline.plan
        return {
            "instruction": plan.instruction,
            "method": str(self.config.method_name),
            "editor": plan.editor,
            "editor_reason": plan.reasons["editor"],
            "seed": self.config.machine.seed,
            "data": str(self.pipeline.datamanager.config.data),
            "base": str(self.base.checkpoint),
            "guidance_scale": plan.guidance_scale,
            "image_guidance_scale": plan.image_guidance_scale,
            "schedule": self.pipeline.describe(),
            "region": self.pipeline.region,
        }

    def metrics(self, before: Sequence[Tensor], after: Sequence[Tensor]) -> dict[str, Any]:
        return self._seen.metrics(before, after) | self.pipeline.results()
