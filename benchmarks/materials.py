"""Materials in 3D: how well edited photographs agree at the same points, the time of a view, and a picture of each.

    python benchmarks/materials.py
    python benchmarks/materials.py --sheet materials.png --views 0

Figures are as in `benchmarks/weather.py`. Metals, glazes and ice mirror what is round them, and may differ more from
view to view: they are the last rows. The sheet shows every material on the demo scene's teapot.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from weather import Weather

from editor3d.datasets import load_posed_images
from editor3d.datasets.demo import demo_path
from editor3d.datasets.views.images import read_image, read_object_masks
from editor3d.editors.procedural.coats import MATERIAL_MAPS
from editor3d.editors.procedural.editor import ProceduralEditor
from editor3d.geometry.scene.measured import MeasuredSurface
from editor3d.outputs.pictures import save_contact_sheet
from editor3d.types import EditRequest

VIEW, OBJECT = "train_00", "teapot"
MATTE = ("wood", "marble", "granite", "brick", "masonry", "rust", "moss", "clay", "concrete", "wool", "leather")
MIRRORING = ("gold", "silver", "chrome", "porcelain", "ice", "jade", "holographic foil")
SIDE = 220
"""Pixels of a side of a picture on the sheet."""


@dataclass(frozen=True)
class Materials:
    """Measure agreement and time, or draw the sheet."""

    materials: tuple[str, ...] = MATTE + MIRRORING
    """Which are measured."""
    views: int = 8
    """How many views are edited; 0 for none."""
    sheet: Path | None = None
    """Name the picture of all materials."""

    def run(self) -> None:
        if self.sheet is not None:
            draw(self.sheet)
        if self.views:
            Weather(tuple(f"make it {material}" for material in self.materials), self.views).run()


def draw(path: Path) -> None:
    """Write the sheet of all materials."""
    posed, editor = load_posed_images(demo_path()), ProceduralEditor()
    view = next(view for view in posed.views if view.name == VIEW)
    photo, masks = read_image(view).float() / 255.0, read_object_masks(view, posed.objects)
    geometry = MeasuredSurface(posed).view(view)
    rows, columns = torch.nonzero(masks[OBJECT], as_tuple=True)
    half = int(0.62 * max(rows.max() - rows.min(), columns.max() - columns.min()))
    row, column = int(rows.float().mean()), int(columns.float().mean())
    place = slice(max(0, row - half), row + half), slice(max(0, column - half), column + half)
    pictures = []
    for effect in MATERIAL_MAPS:
        sentence = f"make the {OBJECT} {effect}" if effect != "moss" else f"a moss-covered stone {OBJECT}"
        edited = editor.edit(EditRequest(VIEW, sentence, photo, objects=masks, geometry=geometry))[place]
        planes = edited.permute(2, 0, 1)[None]
        larger = torch.nn.functional.interpolate(planes, (SIDE, SIDE), mode="bicubic", antialias=True)
        pictures.append(larger[0].permute(1, 2, 0).clamp(0.0, 1.0))
    save_contact_sheet(path, pictures, [name if name != "moss" else "moss on stone" for name in MATERIAL_MAPS])


if __name__ == "__main__":
    tyro.cli(Materials).run()
