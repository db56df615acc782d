"""Which inputs of geometry nodes a refinement finds again, by kind: menu, count, vector, rotation, colour and switch.

The scene is a row of things of the tests. For each kind the target is the picture of a hidden program in which that
input alone has another value; `all` has other values of all kinds at once. An input is found if it is what the hidden
program has: a menu, a count and a switch exactly, numbers within TOLERANCE of their range.

python benchmarks/program_sockets.py --renders 150
python benchmarks/program_sockets.py --scene ../shared/cases/blender/geo.blend --program geo.py \
    --target geo_target.png --truth geo_truth.py
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from editor3d.outputs.pictures import save_png
from editor3d.programs import Budget, RefineRequest, refine
from editor3d.programs.core.contracts import RenderSettings
from editor3d.programs.language.syntax import Parameter, Program, channels_of, number_of
from editor3d.programs.language.vocabulary import NOTHING, Vocabulary
from editor3d.programs.rendering.pool import Workers

_SCENES = Path(__file__).parent.parent / "tests" / "editor3d" / "programs" / "scenes.py"
TOLERANCE = 0.1
HIDDEN = {
    "menu": ('put("Style", 2)', 'put("Style", 4)'),
    "count": ('put("Count", 3)', 'put("Count", 5)'),
    "vector": ("(1.1, 0.0, 0.0)", "(0.85, 0.45, 0.15)"),
    "rotation": ("(0.0, 0.0, 0.2)", "(0.5, 0.0, 0.9)"),
    "colour": ("(0.7, 0.3, 0.2, 1.0)", "(0.1, 0.35, 0.6, 1.0)"),
    "switch": ('put("Slab", False)', 'put("Slab", True)'),
}


def main(
    kinds: tuple[str, ...] = (*HIDDEN, "all"),
    scene: Path | None = None,
    program: str = "",
    target: str = "",
    truth: str = "",
    renders: int = 150,
    seconds: float = 600.0,
    size: int = 128,
    output: Path = Path("outputs/program_sockets"),
) -> int:
    """Search for the inputs.

    Args:
        kinds: menu, count, vector, rotation, colour, switch and all.
        scene: another scene in place of this one; its files are named beside it.
        program: of that scene, to start from.
        target: of that scene, the picture.
        truth: of that scene, the program that made it.
        renders: of each search.
        seconds: of each search.
        size: pixels along the longer side.
        output: folder of the runs.
    """
    table = Table("hidden", "found", "of", "missed", "renders", "loss before", "after")
    with tempfile.TemporaryDirectory() as folder:
        if scene is not None:
            asked = RefineRequest(
                scene, scene.with_name(program), target=scene.with_name(target), proposer="embedded", clip="off",
                width=size,
            )  # fmt: skip
            done = refine(asked, output / scene.stem, budget=Budget(renders=renders, seconds=seconds), save_scene=False)
            with Workers(scene, RenderSettings(), allow_weaker_sandbox=True) as workers:
                vocabulary = workers.vocabulary
            told(table, scene.stem, done, scene.with_name(truth).read_text(), vocabulary)
        else:
            search_row(Path(folder), kinds, Budget(renders=renders, seconds=seconds), size, output, table)
    Console().print(table)
    return 0


def search_row(folder: Path, kinds: tuple[str, ...], budget: Budget, size: int, output: Path, table: Table) -> None:
    """Search for each kind on the row of things."""
    spec = importlib.util.spec_from_file_location("scenes", _SCENES)
    assert spec is not None
    assert spec.loader is not None
    scenes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scenes)
    scene, source = scenes.sockets(folder / "row.blend"), scenes.PROGRAMS["sockets"]
    program = folder / "row.py"
    program.write_text(source)
    for kind in kinds:
        hidden = source
        for name in HIDDEN if kind == "all" else (kind,):
            hidden = hidden.replace(*HIDDEN[name])
        settings = RenderSettings(width=size, height=size, samples=16, noise=0.05, denoise=True)
        with Workers(scene, settings, allow_weaker_sandbox=True) as workers:
            image, vocabulary = workers.render(hidden).image, workers.vocabulary
        assert image is not None
        path = folder / f"{kind}.png"
        save_png(path, image)
        asked = RefineRequest(scene, program, target=path, proposer="embedded", clip="off")
        told(table, kind, refine(asked, output / kind, budget=budget, save_scene=False), hidden, vocabulary)


def told(table: Table, name: str, done: Any, hidden: str, vocabulary: Vocabulary = NOTHING) -> None:
    """A row of the table: what was found and what not."""
    mine = {p.label: p for p in Program(done.program.read_text(), vocabulary).parameters}
    theirs = {p.label: p for p in Program(hidden, vocabulary).parameters}
    missed = [label for label, one in theirs.items() if label not in mine or not found(mine[label], one)]
    loss = done.summary["loss"]
    figures = (str(done.summary["spent"]["renders"]), f"{loss['before']:.3f}", f"{loss['after']:.3f}")
    values = ", ".join(f"{label} {mine[label].value if label in mine else 'gone'}" for label in missed)
    table.add_row(name, str(len(theirs) - len(missed)), str(len(theirs)), values, *figures)
    print(f"{name}: {len(theirs) - len(missed)} of {len(theirs)} found; missed: {values or 'none'}", flush=True)


def found(mine: Parameter, hidden: Parameter) -> bool:
    """Whether a value is the hidden one, numbers nearly."""
    if mine.kind == "colour":
        return bool(np.abs(np.subtract(channels_of(mine.value), channels_of(hidden.value))).max() < TOLERANCE)
    if mine.kind == "number":
        reach = hidden.limits.high - hidden.limits.low
        return abs(number_of(mine.value) - number_of(hidden.value)) < TOLERANCE * min(reach, 2.0)
    return mine.value == hidden.value


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
