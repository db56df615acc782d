"""Candidates a minute of warm render workers, beside a fresh Blender process for each candidate, in one run.

The fresh process is the plain one that a script without this package would start: import bpy, open the file, run the
program, render, end. It has no containment; the warm worker has all of it. A third column is a fresh *confined* process
for each candidate. All three render the same candidates, and their pixels are compared.

python benchmarks/program_workers.py
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from editor3d.files.safe_open import open_picture
from editor3d.programs.core.contracts import RenderSettings
from editor3d.programs.rendering.pool import Workers

_SCENES = Path(__file__).parent.parent / "tests" / "editor3d" / "programs" / "scenes.py"
_FRESH = """
import bpy, os, sys
bpy.ops.wm.open_mainfile(filepath=sys.argv[1], load_ui=False, use_scripts=False)
scene = bpy.context.scene
scene.render.engine, scene.cycles.device = "CYCLES", "CPU"
scene.render.resolution_x = scene.render.resolution_y = int(sys.argv[4])
scene.render.resolution_percentage = 100
scene.cycles.samples, scene.cycles.seed = int(sys.argv[5]), 0
scene.cycles.use_adaptive_sampling = scene.cycles.use_denoising = False
exec(open(sys.argv[2]).read(), {"__name__": "__main__"})
scene.render.image_settings.file_format, scene.render.image_settings.color_mode = "PNG", "RGB"
scene.render.filepath = sys.argv[3]
bpy.ops.render.render(write_still=True)
os._exit(0)
"""
_HEAVY = """
import bpy, os, sys
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
for index in range(6):
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=7, radius=0.4, location=(index - 3, 1.5, 0.5))
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[2])
os._exit(0)
"""
_OBJECT = """
import bpy
thing = bpy.data.objects["Block"]
thing.location.x = {0}
thing.rotation_euler = (0.0, 0.0, {0})
"""
_LIGHT = """
import bpy
key = bpy.data.objects["Key"]
key.data.energy = 100.0 + 100.0 * {0}
key.location.x = 1.0 + {0}
"""
_MATERIAL = """
import bpy
shader = bpy.data.materials["Subject"].node_tree.nodes["Principled BSDF"]
shader.inputs["Base Color"].default_value = ({0} % 1.0, 0.5, 0.2, 1.0)
shader.inputs["Roughness"].default_value = 0.2 + 0.5 * ({0} % 1.0)
"""
EDITS = {"object": _OBJECT, "light": _LIGHT, "material": _MATERIAL}


def main(size: int = 128, samples: int = 4, candidates: int = 9, heavy: bool = True) -> int:
    """Render the same candidates warm and fresh.

    Args:
        size: pixels along each side.
        samples: a pixel.
        candidates: of each kind of edit.
        heavy: also a scene of two million triangles.
    """
    spec = importlib.util.spec_from_file_location("scenes", _SCENES)
    scenes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scenes)
    settings = RenderSettings(width=size, height=size, samples=samples)
    console = Console(width=120)
    same = True
    with tempfile.TemporaryDirectory() as folder:
        light = scenes.lighting(Path(folder) / "small.blend")
        found = {"small": light}
        if heavy:
            found["two million triangles"] = Path(folder) / "heavy.blend"
            script = [sys.executable, "-c", _HEAVY, str(light), str(found["two million triangles"])]
            subprocess.run(script, check=True, capture_output=True, env=os.environ | {"TMPDIR": folder})
        table = Table("scene", "edit", "warm, confined", "fresh, bare", "fresh, confined", "warm / bare", "same pixels")
        for title, scene in found.items():
            for kind, template in EDITS.items():
                row, equal = _compare(scene, template, settings, candidates, Path(folder))
                same = same and equal
                warm, bare, confined = row
                cells = (f"{warm:.0f} a minute", f"{bare:.0f}", f"{confined:.0f}", f"{warm / bare:.1f}")
                table.add_row(title, kind, *cells, "yes" if equal else "NO")
    console.print(f"{size} x {size} pixels, {samples} samples a pixel, {candidates} candidates of each kind; medians")
    console.print(table)
    console.print("wanted: warm at least 5 times fresh, and the same pixels")
    return 0 if same else 1


def _compare(scene: Path, template: str, settings: RenderSettings, candidates: int, folder: Path):
    """Candidates a minute, by the median of each way, and whether all pixels agree."""
    sources = [template.format(0.15 * (index + 1)) for index in range(candidates)]
    with Workers(scene, settings) as warm:
        warm.render("import bpy")
        first = _timed(lambda source: warm.render(source).image, sources)
    second = _timed(lambda source: _bare(scene, source, settings, folder), sources)
    # a confined process is started while nothing else runs, as it is when candidates follow each other
    with Workers(scene, settings, recycle_after=1) as confined:
        third = _timed(lambda source: confined.render(source).image, sources)
    equal = all(
        np.array_equal(a, b) and np.array_equal(a, c) for a, b, c in zip(first[1], second[1], third[1], strict=True)
    )
    seconds = [way[0] for way in (first, second, third)]
    return [60.0 / statistics.median(taken) for taken in seconds], equal


def _timed(way: Callable[[str], np.ndarray], sources: list[str]) -> tuple[list[float], list[np.ndarray]]:
    seconds, pictures = [], []
    for source in sources:
        began = time.perf_counter()
        pictures.append(way(source))
        seconds.append(time.perf_counter() - began)
    return seconds, pictures


def _bare(scene: Path, source: str, settings: RenderSettings, folder: Path) -> np.ndarray:
    program, picture = folder / "program.py", folder / "picture.png"
    program.write_text(source)
    order = [str(scene), str(program), str(picture), str(settings.width), str(settings.samples)]
    environment = os.environ | {"TMPDIR": str(folder)}  # where Blender leaves a folder, as it ends by os._exit
    subprocess.run([sys.executable, "-c", _FRESH, *order], check=True, capture_output=True, env=environment)
    with open_picture(picture, ("PNG",)) as opened:
        return np.array(opened)


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
