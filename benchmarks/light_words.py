"""How far words of light move a Blender scene, judged from a camera that the search does not see.

Scenes: a product under an HDR and two lights, an interior lit through windows, and any others that are given. For each
word, `refine` searches with the embedded proposer and the procedural editor's picture of the first render as its
target. Then the first and the best program are rendered through another camera. The reference there is the procedural
editor's picture of the first one's render. Two figures say how much of the way to the reference was gone, as

    progress = <after - before, reference - before> / |reference - before|^2

of the mean luminance (Rec. 709, linear), and of the mean colour (the three linear channels). 1 is all of it.

python benchmarks/light_words.py --seconds 120
python benchmarks/light_words.py --scenes product --words night --more ../shared/cases/blender/room.blend:lights.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from editor3d.programs import Budget, RefineRequest, refine
from editor3d.programs.core.contracts import RenderSettings
from editor3d.programs.imagination import Imagination
from editor3d.programs.refined import Refinement
from editor3d.programs.rendering.pool import Workers
from editor3d.srgb import to_linear

WORDS = {
    "night": "make it look like night",
    "sunset": "make it look like sunset",
    "overcast": "make it look overcast",
    "brighter": "make it brighter",
}
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
GOAL = 0.7
SETTINGS = RenderSettings(width=256, height=256, samples=16, noise=0.05, denoise=True, camera="HeldOut")
_SCENES = Path(__file__).with_name("light_scenes.py")
PROGRAMS = {
    "product": """
import bpy

# Product lighting
bpy.data.lights["Key"].energy = 60.0
bpy.data.lights["Key"].color = (1.0, 0.95, 0.9)
bpy.data.lights["Fill"].energy = 15.0
bpy.data.lights["Fill"].color = (0.9, 0.95, 1.0)
background = bpy.context.scene.world.node_tree.nodes["Background"]
background.inputs["Strength"].default_value = 0.5  # decrease for night
bpy.context.scene.view_settings.exposure = 0.0
""",
    "interior": """
import bpy

# Daylight through the windows, and a lamp
bpy.data.lights["Sun"].energy = 4.0
bpy.data.lights["Sun"].color = (1.0, 0.95, 0.88)
bpy.data.lights["Lamp"].energy = 60.0
bpy.data.lights["Lamp"].color = (1.0, 0.9, 0.8)
background = bpy.context.scene.world.node_tree.nodes["Background"]
background.inputs["Color"].default_value = (0.6, 0.75, 1.0, 1.0)
background.inputs["Strength"].default_value = 1.5
bpy.context.scene.view_settings.exposure = 0.0
""",
}


def main(
    scenes: tuple[str, ...] = ("product", "interior"),
    words: tuple[str, ...] = tuple(WORDS),
    more: tuple[str, ...] = (),
    seconds: float = 120.0,
    renders: int = 2000,
    width: int = 256,
    deadline: float = 60.0,
    output: Path = Path("outputs/light_words"),
) -> int:
    """Search every word on every scene.

    Args:
        scenes: product, interior, or both.
        words: of night, sunset, overcast and brighter.
        more: further scenes as SCENE.blend:PROGRAM.py, the program beside the scene.
        seconds: the budget of each search.
        renders: the same in renders, for a machine that has other work.
        width: of the search's pictures; the held-out camera's are of 256.
        deadline: seconds that a picture may take.
        output: folder of the runs.
    """
    table = Table("scene", "word", "luminance", "colour", "renders", "candidates a minute", "best loss")
    with tempfile.TemporaryDirectory() as folder:
        for name in (*scenes, *more):
            scene, program = _made(name, Path(folder))
            for word in words:
                done = refine(
                    RefineRequest(
                        scene, program, WORDS[word], proposer="embedded", clip="off", width=width, deadline=deadline
                    ),
                    output / f"{scene.stem}-{word}",
                    budget=Budget(seconds=seconds, renders=renders),
                    save_scene=False,
                )
                found = judged(scene, program, done, WORDS[word], deadline)
                notes = done.summary
                pace = 60.0 * notes["spent"]["renders"] / notes["spent"]["seconds"]
                figures = [f"{found[key]:.2f}" for key in ("luminance", "colour")]
                spent = notes["spent"]["renders"]
                table.add_row(scene.stem, word, *figures, str(spent), f"{pace:.0f}", f"{notes['loss']['after']:.3f}")
                told = {"scene": scene.stem, "word": word, **found, "renders": spent, "pace": pace}
                print(json.dumps(told), flush=True)
    Console().print(table)
    print(f"the goal is {GOAL} of luminance and colour")
    return 0


def judged(scene: Path, program: Path, done: Refinement, instruction: str, deadline: float) -> dict[str, Any]:
    """Progress of luminance and colour from the held-out camera."""
    with Workers(scene, replace(SETTINGS, deadline=deadline), allow_weaker_sandbox=True) as workers:
        before, after = (workers.render(path.read_text()).image for path in (program, done.program))
    assert before is not None
    assert after is not None
    reference = Imagination("procedural", instruction).imagine(before, 0).image
    means = [to_linear(picture / 255.0).reshape(-1, 3).mean(axis=0) for picture in (before, after, reference)]
    return {
        "luminance": _progress(*(np.array([mean @ LUMINANCE]) for mean in means)),
        "colour": _progress(*means),
    }


def _progress(before: np.ndarray, after: np.ndarray, reference: np.ndarray) -> float:
    way = reference - before
    return float((after - before) @ way / max(float(way @ way), 1e-12))


def _made(name: str, folder: Path) -> tuple[Path, Path]:
    """A scene with two cameras, and its program."""
    given, _, beside = name.partition(":")
    path = folder / f"{Path(given).stem}.blend"
    program = path.with_suffix(".py")
    words = [sys.executable, str(_SCENES), given, str(path)]
    ran = subprocess.run(words, env=os.environ | {"TMPDIR": str(folder)}, capture_output=True, text=True)
    if not path.exists():
        raise SystemExit(f"Blender did not save {path}: {ran.stderr[-500:]}")
    program.write_text((Path(given).parent / beside).read_text() if beside else PROGRAMS[given])
    return path, program


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
