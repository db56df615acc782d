"""A scene edited by dataset update, as its results show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from editor3d.plugin.bases.base import Base
from editor3d.plugin.edit.pipeline import EditPipeline
from editor3d.plugin.train.shown import PipelineViews

if TYPE_CHECKING:
    from editor3d.plugin.edit.trainer import EditTrainerConfig

SCENE_FILE = "scene"
"""Stem of the edited scene itself, where it is of a kind that other programs read."""


class EditedScene:
    """`editor3d.run.results.Shown` of an edit by dataset update."""

    def __init__(self, run: Path, pipeline: EditPipeline, config: EditTrainerConfig, base: Base) -> None:
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
        updater = self.pipeline.updater
        updater.pictures.publish(updater.state.revisions, folder)

    def export(self, folder: Path) -> None:
        for path in self._scene_files(folder):
            self.pipeline.model.write_scene(path, self.pipeline.datamanager.train_dataparser_outputs)

    def exported(self, folder: Path) -> list[tuple[str, Path]]:
        return [("Scene", path) for path in self._scene_files(folder)]

    def _scene_files(self, folder: Path) -> list[Path]:
        return [folder / f"{SCENE_FILE}{suffix}" for suffix in self.pipeline.model.capabilities.scene_suffixes]

    def record(self) -> dict[str, Any]:
        updater, plan = self.pipeline.updater, self.pipeline.plan
        asked = updater.guidance
        return {
            "instruction": asked.instruction,
            "method": str(self.config.method_name),
            "editor": plan.editor,
            "editor_reason": plan.reasons["editor"],
            "seed": self.config.machine.seed,
            "data": str(self.pipeline.datamanager.config.data),
            "base": str(self.base.checkpoint),
            "condition_on": plan.condition_on,
            "condition_reason": plan.reasons["condition_on"],
            "guidance_scale": asked.guidance_scale,
            "image_guidance_scale": asked.image_guidance_scale,
            "diffusion_steps": asked.diffusion_steps,
            "schedule": asdict(updater.schedule),
            "lpips": self.pipeline.lpips,
            "region": self.pipeline.region,
            "notes": self.pipeline.notes(),
            "edits": tuple(
                replace(edit, instruction=None) if edit.instruction == asked.instruction else edit
                for edit in updater.state.edits
            ),
        }

    def metrics(self, before: Sequence[Tensor], after: Sequence[Tensor]) -> dict[str, Any]:
        return self._seen.metrics(before, after)
