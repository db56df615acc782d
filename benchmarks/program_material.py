"""Whether a search turns wood into marble, and whether the loss says what a person sees.

The target is a marble of other nodes. Beside what the search makes of the wood stand two easy ways out: the wood's
rings in the marble's colours, and a plain pale ball. What was found has to be nearer than both, as a whole and in
structure and texture, the parts of the loss that tell veins from rings.

python benchmarks/program_material.py ../shared/cases/blender/material.blend --seconds 280
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from editor3d.outputs.pictures import Row, save_side_by_side
from editor3d.programs import Budget, RefineRequest, refine
from editor3d.programs.judge.picture_loss import PictureLoss
from editor3d.programs.rendering.pool import Workers
from editor3d.programs.request import target_and_settings

DARK, PALE = "(0.03, 0.06, 0.05, 1.0)", "(0.75, 0.8, 0.76, 1.0)"
"""The marble's colours."""
_STOP = re.compile(r"(elements\[\d\]\.color = )\([^)]*\)")


def main(
    scene: Path,
    program: str = "wood.py",
    target: str = "material_target.png",
    seconds: float = 280.0,
    renders: int = 2000,
    output: Path = Path("outputs/program_material"),
) -> int:
    """Search, and compare.

    Args:
        scene: a ball with a material; its files are named beside it.
        program: makes wood, by a ramp of two stops.
        target: the picture of a marble.
        seconds: of the search.
        renders: of the search.
        output: folder of the run, and of the picture of all.
    """
    source = scene.with_name(program).read_text()
    asked = RefineRequest(
        scene, scene.with_name(program), target=scene.with_name(target), proposer="embedded", clip="off"
    )
    done = refine(asked, output / "run", budget=Budget(renders=renders, seconds=seconds), save_scene=False)
    colours = iter((DARK, PALE))
    programs = {
        "wood": source,
        "rings in the marble's colours": _STOP.sub(lambda found: found[1] + next(colours), source),
        "plain pale ball": _STOP.sub(lambda found: found[1] + PALE, source),
        "found": done.program.read_text(),
    }
    wanted, settings = target_and_settings(asked)
    assert wanted is not None
    loss, pictures, losses = PictureLoss(wanted), [], {}
    table = Table("program", "loss", *loss.parts(wanted))
    with Workers(scene, settings) as workers:
        for name, text in programs.items():
            image = workers.render(text).image
            assert image is not None, name
            parts = loss.parts(image)
            losses[name] = {"loss": loss(image), **parts}
            pictures.append(image)
            table.add_row(name, *(f"{value:.4f}" for value in losses[name].values()))
    Console(width=120).print(table)
    save_side_by_side(output / "pictures.png", [Row("", [*pictures, wanted])], columns=[*programs, "target"])
    others = [losses[name] for name in list(programs)[1:3]]
    nearer = [name for name in ("loss", "structure", "texture") if losses["found"][name] < min(o[name] for o in others)]
    print(f"{done.summary['spent']['renders']} renders; nearer than both by {', '.join(nearer) or 'nothing'}")
    return 0 if "loss" in nearer else 1


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
