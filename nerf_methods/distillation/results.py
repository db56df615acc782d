"""What an edit by score distillation leaves behind: pictures, video, the field in safetensors, the record."""

from __future__ import annotations

from nerfstudio.utils.rich_utils import CONSOLE

from editor3d.outputs.pictures import Row, save_png, save_side_by_side
from editor3d.plugin.bases.base import Base
from editor3d.plugin.results.results import EditResults, write_turntable
from editor3d.run.events import emit_results
from editor3d.run.record import EditRecord, Times, package_versions, write_record
from nerf_methods.voxel.files import save_field

FIELD_FILE = "field.safetensors"


class DistillationResults(EditResults):
    """Writes the results into the run's folder; there are no edited 2D pictures."""

    def save_after(self, turntable_frames: int) -> None:
        """Render the edited scene, put it beside the base, and write the field."""
        after = self._render_shown()
        for view, render in zip(self._views, after, strict=True):
            save_png(self.run / "after" / f"{view.name}.png", render)
        rows = [Row("before", self._read("before")), Row("after", after)]
        names = [view.name for view in self._views]
        save_side_by_side(self.run / "before_after.png", rows, title=self.config.instruction or "", columns=names)
        save_field(self.run / FIELD_FILE, self.pipeline.model.field)
        if turntable_frames:
            with self.pipeline.stopwatch.measure("render"):
                write_turntable(self.run / "turntable.mp4", self.pipeline, turntable_frames)

    def save_record(self, base: Base, steps: int, seconds: float) -> None:
        """Write edit.json."""
        spent = self.pipeline.stopwatch.seconds
        known = {kind: spent.get(kind, 0.0) for kind in ("render", "fit", "edit")}
        config, settings = self.config.pipeline, self.config.pipeline.guidance_settings()
        record = EditRecord(
            instruction=config.prompt,
            method=str(self.config.method_name),
            editor=config.guidance,
            editor_reason=config.guidance_reason,
            seed=self.config.machine.seed,
            data=str(self.pipeline.datamanager.config.data),
            base=str(base.checkpoint),
            steps=steps,
            guidance_scale=settings["guidance_scale"],
            image_guidance_scale=settings.get("image_guidance_scale"),
            schedule=self.pipeline.describe(),
            region=self.pipeline.region,
            times=Times(**known, other=max(0.0, seconds - sum(known.values()))),
            metrics={**self._metrics(), **self.pipeline.results()},
            versions=package_versions(),
        )
        write_record(self.run / "edit.json", record)

    def announce(self) -> None:
        """Say where the results are."""
        CONSOLE.print(f"Before and after: {self.run / 'before_after.png'}", soft_wrap=True)
        if (self.run / "turntable.mp4").is_file():
            CONSOLE.print(f"Turntable:        {self.run / 'turntable.mp4'}", soft_wrap=True)
        CONSOLE.print(f"Field:            {self.run / FIELD_FILE}", soft_wrap=True)
        CONSOLE.print(f"Record:           {self.run / 'edit.json'}", soft_wrap=True)
        emit_results(self.run, scene=[self.run / FIELD_FILE])
