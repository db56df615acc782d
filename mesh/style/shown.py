"""A styled mesh, as its results show it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from editor3d.editors import origin_of
from editor3d.files.writing import replacing
from editor3d.metrics.image import psnr
from editor3d.run.results import shown_of
from mesh.bake.bake import BakedMesh, baked
from mesh.bake.write import write_baked
from mesh.render.cameras import Cameras, cameras_at
from mesh.style.objectives import Objective
from mesh.style.stage import Stage, views_of
from mesh.style.surface import MeshGeometry, coat_of, with_material

METHOD = "mesh-style"
TURNTABLE_ELEVATION = np.radians(15.0)
TURNTABLE_SIDE = 384
MESH_FILE = "mesh.glb"
"""The styled mesh, in the input's own frame."""


class ShownMesh:
    """`editor3d.run.results.Shown` of a styling."""

    def __init__(self, stage: Stage, objective: Objective) -> None:
        self.stage, self.objective = stage, objective
        cameras = stage.held_out_cameras if len(stage.held_out_cameras) else stage.train_cameras
        split = "test" if len(stage.held_out_cameras) else "train"
        which = shown_of(len(cameras))
        self._cameras = cameras[which]
        views = views_of(cameras, stage.folder / "before", split)
        self.views = [views[index] for index in which]

    @property
    def title(self) -> str:
        return self.stage.config.instruction or self.stage.config.prompt

    def render(self, *, edited: bool) -> Iterator[Tensor]:
        return self._pictures(self._cameras, styled=edited)

    def turntable(self, frames: int) -> Iterator[Tensor]:
        azimuths = 2.0 * np.pi * np.arange(frames) / frames
        settings, focal = self.stage.config.views, self.stage.train_cameras.focal
        cameras = cameras_at(azimuths, np.full(frames, TURNTABLE_ELEVATION), settings, focal)
        return self._pictures(cameras.scaled(min(1.0, TURNTABLE_SIDE / cameras.side)))

    def _pictures(self, cameras: Cameras, *, styled: bool = True) -> Iterator[Tensor]:
        samples = self.stage.config.views.supersampling
        return (picture for picture, _ in self.stage.styled.pictures(cameras, samples, styled=styled))

    def publish(self, folder: Path) -> None:
        self.objective.publish(folder)

    def export(self, folder: Path) -> None:
        config = self.stage.config
        mesh = baked(self.stage.styled, config.texture_size)
        coat = coat_of(config.instruction, config.editor) if config.instruction.strip() else None
        if coat is not None and mesh.texture is not None and not config.region and not config.style.displacement:
            mesh = with_material(mesh, MeshGeometry(self.stage.styled, self.stage.train_cameras, config.views.up), coat)
        write_baked(folder / MESH_FILE, mesh)
        if config.output:
            write_or_copy(folder / MESH_FILE, Path(config.output), mesh)

    def exported(self, folder: Path) -> list[tuple[str, Path]]:
        output = self.stage.config.output
        copies = [("Mesh", Path(output))] if output else []  # the last one is what programs are told of
        return [("Mesh", folder / MESH_FILE), *copies]

    def record(self) -> dict[str, Any]:
        config = self.stage.config
        return {
            "instruction": self.title,
            "method": METHOD,
            "editor": self.objective.name,
            "editor_reason": config.editor_reason,
            "origin": origin_of(self.objective.name),
            "seed": config.seed,
            "data": config.mesh,
            "base": config.mesh,
            "condition_on": "base",
            "condition_reason": "a mesh has no photographs",
            **self.objective.record(),
        }

    def metrics(self, before: Sequence[Tensor], after: Sequence[Tensor]) -> dict[str, Any]:
        """How far the edit went, what was found of the mesh, and how far it moved."""
        styled = self.stage.styled
        with torch.no_grad():
            moved = float(styled.all_style()[1].abs().max())
        changed = [psnr(edited, base) for base, edited in zip(before, after, strict=True)]
        return {
            "edited_to_base_psnr": float(np.mean(changed)),
            "vertices": len(styled.surface.vertices),
            "faces": len(styled.surface.faces),
            "repaired": list(styled.surface.notes),
            "largest_displacement": moved * styled.frame.radius,
            **self.objective.metrics(),
        }


def write_or_copy(found: Path, path: Path, mesh: BakedMesh) -> None:
    """Write a mesh to `path`; a file of the same kind is copied."""
    if path.suffix.lower() != found.suffix:
        write_baked(path, mesh)
        return
    with replacing(path) as temporary:
        shutil.copyfile(found, temporary)
