"""`editor3d export`: the scene of a run, or of a file of splats, for other programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from editor3d.datasets.other_files import RUN_OR_SPLATS, require_run
from editor3d.errors import ConfigError
from editor3d.registry import CONVERT_SPLATS, SCENE_FILES, load_target

if TYPE_CHECKING:
    from editor3d.plugin.train.pipeline import PluginPipeline

_SUFFIXES = {
    "mesh": (".ply", ".obj", ".glb"),
    "pointcloud": (".ply",),
    "splats": (".ply", ".spz", ".splat", ".sog", ".glb", ".usda", ".usdc", ".usdz", ".usd"),
    "auto": (".ply",),
}


@dataclass(frozen=True)
class Export:
    """Write the scene of a run as a mesh, points or splats, or as a capture with new pictures; or write a file of
    splats in another format.

    Everything is in the frame and scale of the capture's own poses.
    """

    run_folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Name the run's folder, its nerfstudio_models, or one checkpoint; or a file of splats: .ply (also compressed),
    .spz, .splat, .sog, .glb or, with the extra usd, .usda, .usdc and .usdz."""
    format: Literal["mesh", "pointcloud", "splats", "images", "auto"] | None = None
    """Choose mesh: the surface with vertex colours (.ply, .obj, .glb); pointcloud: coloured points (.ply); splats: the
    Gaussians of a scene of splats (.ply, .compressed.ply, .spz, .splat, .sog, .glb or USD); images: renders of the
    training views with a transforms.json; or auto: splats of a scene of splats, of any other points (.ply). Optional
    with a file of splats."""
    output: Path | None = None
    """Name the file, or the folder for images; by default in the run's folder. Required with a file of splats."""
    data: str | None = None
    """Name the capture's new folder if it was moved; it must be the same capture."""
    resolution: int = 256
    """mesh: Set the lattice points along each side of the meshed cube."""
    threshold: float = 20.0
    """mesh: Set the density of the surface, per scene unit (cameras are within 1)."""
    min_component: float = 0.01
    """mesh: Leave out parts smaller than this share of the largest one."""
    radius: float | None = None
    """mesh, pointcloud: Set half the side of the exported cube, in scene units; by default 1 for a mesh (what lies
    among the cameras) and 2 for points."""
    num_points: int = 1_000_000
    """pointcloud: Set how many rays are followed into the scene."""
    min_accumulation: float = 0.5
    """pointcloud: Leave out rays whose opacity is below this."""
    spz_version: Literal[3, 4] = 3
    """splats: Set the version of a .spz; not every reader knows 4, the newest."""
    pictures: Literal["rendered", "edited"] = "rendered"
    """images: Write renders of the edited scene, which agree with each other, or the 2D edits that it was fitted to."""
    provenance: bool = True
    """Sign what is made of an edit as such (C2PA), in the file or in FILE.c2pa beside it; --no-provenance leaves that
    out."""

    def run(self) -> int:
        require_run(self.run_folder, RUN_OR_SPLATS)
        path = self.run_folder
        if not path.is_dir() and (path.suffix.lower() in SCENE_FILES or (path.is_file() and path.suffix != ".ckpt")):
            return self._convert()
        if self.format is None:
            raise ConfigError("Expected what to write, got nothing: give --format mesh, pointcloud, splats or images.")
        suffixes = _SUFFIXES.get(self.format)
        if suffixes and self.output is not None and self.output.suffix not in suffixes:
            raise ConfigError(
                f"Expected an output file that ends in {_choices(self.format)} for {self.format}, got {self.output}."
            )

        from editor3d.plugin.bases.base import open_base
        from editor3d.plugin.results.runs import open_run
        from editor3d.run.results import mark_of_run

        run = open_base(self.run_folder).run
        target = self.output or run / "exports" / (self.format + (suffixes[0] if suffixes else ""))
        if self.format == "images" and self.pictures == "edited" and not (run / "edited").is_dir():
            raise ConfigError(f"Expected the run of a finished edit for --pictures edited, found no {run / 'edited'}.")
        _, pipeline = open_run(self.run_folder, data=self.data)
        format = self.format
        if format == "auto":
            format = "splats" if ".ply" in pipeline.model.capabilities.scene_suffixes else "pointcloud"
        holds = self._write(pipeline, format, run, target)
        if self.provenance:
            mark_of_run(run, [target])
        self._tell(target, format, holds)
        return 0

    def _tell(self, target: Path, format: str, holds: str) -> None:
        from editor3d.run.events import Result, absolute, emit

        print(f"{target}: {holds}")
        emit(Result(kind=format, path=absolute(target)))

    def _convert(self) -> int:
        if self.data is not None:
            raise ConfigError(f"Expected --data with the folder of a run, got {self.run_folder}: leave it out.")
        if self.format not in (None, "splats", "auto"):
            raise ConfigError(
                f"Expected a file of splats to be written as splats, got --format {self.format}: edit it, and export "
                f"the run, for pictures."
            )
        if self.output is None:
            raise ConfigError(f"Expected a file to write, got none: give --output FILE with {_choices('splats')}.")
        count = load_target(CONVERT_SPLATS)(self.run_folder, self.output, spz_version=self.spz_version)
        self._tell(self.output, "splats", f"{count} Gaussians")
        return 0

    def _write(self, pipeline: PluginPipeline, format: str, run: Path, target: Path) -> str:
        """Write the export; says what it holds."""
        from editor3d.plugin.results.export import export_capture, export_mesh, export_points, export_splats
        from editor3d.run.progress import counting

        if format == "mesh":
            vertices, faces = export_mesh(
                pipeline,
                target,
                resolution=self.resolution,
                threshold=self.threshold,
                min_component=self.min_component,
                radius=self.radius,
            )
            return f"{vertices} vertices, {faces} faces"
        if format == "splats":
            return f"{export_splats(pipeline, target)} Gaussians"
        with counting("rendering", "views") as on_view:
            if format == "images":
                edited = run / "edited" if self.pictures == "edited" else None
                return f"{export_capture(pipeline, target, edited=edited, on_view=on_view)} views"
            count = export_points(
                pipeline,
                target,
                count=self.num_points,
                min_accumulation=self.min_accumulation,
                radius=2.0 if self.radius is None else self.radius,
                on_view=on_view,
            )
            return f"{count} points"


def _choices(format: str) -> str:
    return " or ".join(_SUFFIXES[format])
