"""A scene edited by dataset update, as its results show it."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from editor3d.plugin.edit.pipeline import EditPipeline
from editor3d.plugin.edit.shown import PlannedScene

SCENE_FILE = "scene"
"""Stem of the edited scene itself, where it is of a kind that other programs read."""


class EditedScene(PlannedScene):
    """`editor3d.run.results.Shown` of an edit by dataset update."""

    pipeline: EditPipeline

    def publish(self, folder: Path) -> None:
        updater = self.pipeline.begun()
        updater.pictures.publish(updater.state.revisions, folder)

    def export(self, folder: Path) -> None:
        for path in self._scene_files(folder):
            self.pipeline.model.write_scene(path, self.pipeline.datamanager.train_dataparser_outputs)

    def exported(self, folder: Path) -> list[tuple[str, Path]]:
        return [("Scene", path) for path in self._scene_files(folder)]

    def _scene_files(self, folder: Path) -> list[Path]:
        return [folder / f"{SCENE_FILE}{suffix}" for suffix in self.pipeline.model.capabilities.scene_suffixes]

    def record(self) -> dict[str, Any]:
        updater, plan = self.pipeline.begun(), self.pipeline.plan
        return super().record() | {
            "condition_on": plan.condition_on,
            "condition_reason": plan.reasons["condition_on"],
            "image_guidance_scale": plan.image_guidance_scale,
            "diffusion_steps": plan.diffusion_steps,
            "schedule": asdict(updater.schedule),
            "lpips": self.pipeline.lpips,
            "notes": self.pipeline.notes() | updater.noted(),
            "edits": tuple(
                replace(edit, instruction=None) if edit.instruction == plan.instruction else edit
                for edit in updater.state.edits
            ),
        }
