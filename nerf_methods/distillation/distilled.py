"""A scene edited by score distillation, as its results show it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from editor3d.plugin.edit.shown import PlannedScene
from nerf_methods.distillation.pipeline import DistillationPipeline
from nerf_methods.voxel.files import save_field

FIELD_FILE = "field.safetensors"


class DistilledScene(PlannedScene):
    """`editor3d.run.results.Shown` of an edit by score distillation: there are no edited 2D pictures."""

    pipeline: DistillationPipeline

    def publish(self, folder: Path) -> None:
        """No picture was edited."""

    def export(self, folder: Path) -> None:
        save_field(folder / FIELD_FILE, self.pipeline.voxel_field())

    def exported(self, folder: Path) -> list[tuple[str, Path]]:
        return [("Scene", folder / FIELD_FILE)]

    def record(self) -> dict[str, Any]:
        scale = self.pipeline.plan.image_guidance_scale
        return super().record() | {"image_guidance_scale": scale, "schedule": self.pipeline.describe()}

    def metrics(self, before: Sequence[Tensor], after: Sequence[Tensor]) -> dict[str, Any]:
        return super().metrics(before, after) | self.pipeline.results()
