"""Weather and light in 3D: how well edited photographs agree at the same points, and the time of a view.

    python benchmarks/weather.py

Photographs of the demo scene are edited, each with its exact geometry, and compared at the points that two views share
by exact depth: each view with the one that sees most of it (near) and with the one that sees least (far). Photographs
disagree by themselves, by highlights, noise and the size of their pixels (first row). Agreement with them taken out is
that of the same edits of a scene that is gray all over (gray). Rain reflects, and may differ more. Seconds are of one
view of 512²: its geometry at a rendered distance, and the edit.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import time
from dataclasses import dataclass

import numpy as np
import torch
import tyro

from editor3d.datasets import load_posed_images
from editor3d.datasets.demo import demo_path
from editor3d.datasets.views.images import read_depth, read_image, read_object_masks
from editor3d.editors.procedural.editor import ProceduralEditor
from editor3d.geometry.camera import Camera
from editor3d.geometry.scene.measured import MeasuredSurface
from editor3d.geometry.surface import SeenSurface
from editor3d.metrics.consistency import choose_pairs, reprojection_error
from editor3d.types import EditRequest, View, ViewGeometry

SIDE = 512
"""Pixels a side of the view that is timed."""


@dataclass(frozen=True)
class Weather:
    """Measure agreement and time."""

    instructions: tuple[str, ...] = (
        "let it snow",
        "a light snow",
        "falling snow",
        "add fog",
        "heavy fog",
        "wet after rain",
        "make it night",
        "a snowy night",
        "make it sunset",
        "make it autumn",
    )
    """Sentences that `procedural` understands."""
    views: int = 12
    """How many views are edited."""

    def run(self) -> None:
        posed = load_posed_images(demo_path())
        views = posed.train_views[:: max(1, len(posed.train_views) // self.views)][: self.views]
        measured, editor = MeasuredSurface(posed), ProceduralEditor()
        depths = [read_depth(view, posed.depth_scale) for view in views]
        surfaces = [
            SeenSurface.of_depth(Camera.of_view(view), depth)
            for view, depth in zip(views, depths, strict=True)
            if depth is not None
        ]
        photos, geometry = [read_image(view).float() / 255.0 for view in views], [measured.view(view) for view in views]
        masks = [read_object_masks(view, posed.objects) for view in views]
        pairs = choose_pairs(surfaces)
        grays = [torch.full_like(photo, 0.5) for photo in photos]

        def agreement(pictures: list[torch.Tensor], some: list[tuple[int, int]]) -> float:
            errors = [reprojection_error(pictures[i], surfaces[i], pictures[j], surfaces[j]) for i, j in some]
            return float(np.mean([-20.0 * np.log10(error) for error in errors if error is not None]))

        def edited(sentence: str, pictures: list[torch.Tensor]) -> list[torch.Tensor]:
            return [
                editor.edit(EditRequest(view.name, sentence, picture, objects=mask, geometry=known))
                for view, picture, mask, known in zip(views, pictures, masks, geometry, strict=True)
            ]

        near, far = pairs
        print(f"{'':20} {'near dB':>9} {'far dB':>9} {'gray near':>9} {'seconds':>9}")
        print(f"{'photographs':20} {agreement(photos, near):9.1f} {agreement(photos, far):9.1f}")
        for sentence in self.instructions:
            pictures, plain = edited(sentence, photos), edited(sentence, grays)
            seconds = _seconds(editor, sentence, measured, views[0], photos[0])
            print(
                f"{sentence:20} {agreement(pictures, near):9.1f} {agreement(pictures, far):9.1f} "
                f"{agreement(plain, near):9.1f} {seconds:9.2f}",
                flush=True,
            )


def _seconds(
    editor: ProceduralEditor, sentence: str, measured: MeasuredSurface, view: View, photo: torch.Tensor
) -> float:
    """Of the geometry and the edit of a view of 512²; the best of three."""
    camera = Camera.of_view(view).resized(SIDE, SIDE)

    def larger(values: torch.Tensor) -> torch.Tensor:
        planes = values.permute(2, 0, 1)[None].float()
        return torch.nn.functional.interpolate(planes, (SIDE, SIDE), mode="nearest")[0].permute(1, 2, 0).contiguous()

    distance, picture = larger(measured.view(view).depth[..., None])[..., 0], larger(photo)
    found = []
    for _ in range(3):
        started = time.perf_counter()
        known: ViewGeometry = measured.surface.view(camera, distance)
        editor.edit(EditRequest(view.name, sentence, picture, geometry=known))
        found.append(time.perf_counter() - started)
    return min(found)


if __name__ == "__main__":
    tyro.cli(Weather).run()
