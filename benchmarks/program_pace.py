"""Candidates a minute of a search by the size of its scene, before and after, at the same quality of picture; and what
its screening takes.

Before: one process renders one whole picture after the other. After: a process a core, as far as the memory goes, and
renders of half the size in the rounds, whose best are rendered whole. `parallel` has the first alone: whole pictures,
whose pixels are compared with those of one process. The share of screening is that of a refinement of the small scene:
of its renders, and of the fall of its loss.

python benchmarks/program_pace.py --size 256 --candidates 12
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from editor3d.outputs.pictures import save_png
from editor3d.programs import Budget, RefineRequest, refine
from editor3d.programs.core.contracts import Rendered, RenderSettings
from editor3d.programs.refined import Refinement
from editor3d.programs.rendering.pool import Workers

_SCENES = Path(__file__).parent.parent / "tests" / "editor3d" / "programs" / "scenes.py"
_HEAVY = """
import bpy, os, sys
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
for index in range(int(sys.argv[3])):
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=7, radius=0.4, location=(index - 3, 1.5, 0.5))
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[2])
os._exit(0)
"""
_EDIT = """
import bpy
key = bpy.data.objects["Key"]
key.data.energy = 100.0 + 100.0 * {0}
bpy.data.objects["Block"].location.x = {0}
"""


def main(
    size: int = 256, samples: int = 16, candidates: int = 12, repeats: int = 3, renders: int = 80, heavy: bool = True
) -> int:
    """Render the same candidates before and after.

    Args:
        size: pixels along each side.
        samples: the most a pixel.
        candidates: of each turn.
        repeats: turns of each way, one after the other; the median counts.
        renders: of the refinement whose screening is measured.
        heavy: also scenes of half a million and of two million triangles.
    """
    spec = importlib.util.spec_from_file_location("scenes", _SCENES)
    assert spec is not None
    assert spec.loader is not None
    scenes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scenes)
    settings = RenderSettings(size, size, samples, noise=0.05, denoise=True)
    table = Table("scene", "processes", "before, a minute", "parallel", "after", "after / before", "same pixels")
    same = True
    with tempfile.TemporaryDirectory() as folder:
        light = scenes.lighting(Path(folder) / "small.blend")
        found = {"small": light}
        for title, balls in (("half a million triangles", 2), ("two million triangles", 6)) if heavy else ():
            found[title] = Path(folder) / f"heavy{balls}.blend"
            script = [sys.executable, "-c", _HEAVY, str(light), str(found[title]), str(balls)]
            subprocess.run(script, check=True, capture_output=True, env=os.environ | {"TMPDIR": folder})
        sources = [_EDIT.format(0.15 * (index + 1)) for index in range(candidates)]
        for title, scene in found.items():
            paces, count, equal = compared(scene, settings, sources, repeats)
            same = same and equal
            cells = [f"{pace:.0f}" for pace in paces]
            table.add_row(title, str(count), *cells, f"{paces[2] / paces[0]:.1f}", "yes" if equal else "NO")
        Console(width=120).print(f"{size} x {size} pixels, up to {samples} samples, denoised; medians of {repeats}")
        Console(width=120).print(table)
        screening(scenes, light, Path(folder), renders)
    return 0 if same else 1


def compared(
    scene: Path, settings: RenderSettings, sources: list[str], repeats: int
) -> tuple[tuple[float, float, float], int, bool]:
    """Candidates a minute before, in parallel and after; how many processes, and whether whole pictures agree."""
    with Workers(scene, settings) as one, Workers(scene, settings, count=None) as many:
        ways = (
            lambda: [one.render(source) for source in sources],
            lambda: at_once(many, sources, 100),
            lambda: at_once(many, sources, 50),
        )
        for way in ways:  # the first turn of a process is slower
            way()
        seconds: list[list[float]] = [[], [], []]
        pictures: list[list[Rendered]] = [[], [], []]
        for _ in range(repeats):
            for index, way in enumerate(ways):
                began = time.perf_counter()
                pictures[index] = way()
                seconds[index].append(time.perf_counter() - began)
        equal = all(
            a.image is not None and b.image is not None and np.array_equal(a.image, b.image)
            for a, b in zip(pictures[0], pictures[1], strict=True)
        )
        paces = tuple(60.0 * len(sources) / statistics.median(taken) for taken in seconds)
        return (paces[0], paces[1], paces[2]), many.count, equal


def at_once(workers: Workers, sources: list[str], percent: int) -> list[Rendered]:
    """As many at a time as there are processes."""
    with ThreadPoolExecutor(workers.count) as pool:
        return list(pool.map(lambda source: workers.render(source, percent=percent), sources))


def screening(scenes, scene: Path, folder: Path, renders: int) -> None:
    """Search a small scene's lights, and say what part of it was screening."""
    program, target = folder / "small.py", folder / "target.png"
    source = scenes.PROGRAMS["lighting"]
    program.write_text(source)
    hidden = source.replace("220.0", "90.0").replace("(0.55, 0.7, 1.0)", "(1.0, 0.5, 0.3)").replace("0.35", "0.1")
    with Workers(scene, RenderSettings(96, 96, 8, denoise=True)) as workers:
        image = workers.render(hidden).image
    assert image is not None
    save_png(target, image)
    asked = RefineRequest(scene, program, target=target, proposer="embedded", clip="off")
    done = refine(asked, folder / "run", budget=Budget(renders=renders, seconds=600), save_scene=False)
    print(f"screening: {share_of(done)}")


def share_of(done: Refinement) -> str:
    """Of the renders, the time and the fall of the loss."""
    events = [json.loads(line) for line in done.ledger.read_text().splitlines()]
    screened = {
        event["source"] for event in events if event["event"] == "proposal" and event["note"].startswith("screen")
    }
    rendered = [event for event in events if event["event"] == "render"]
    mine = [event for event in rendered if event["source"] in screened]
    spent = sum(event["seconds"] for event in rendered)
    losses = [event["loss"] for event in mine if event["loss"] is not None]
    first, last = done.summary["loss"]["before"], done.summary["loss"]["after"]
    fall = (first - min(losses)) / (first - last) if losses and first > last else 0.0
    return (
        f"{len(mine)} of {len(rendered)} renders, {sum(event['seconds'] for event in mine) / spent:.0%} of their time, "
        f"{fall:.0%} of the fall of the loss ({first:.3f} to {last:.3f})"
    )


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
