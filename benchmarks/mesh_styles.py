"""Meshes restyled from a sentence: the edit gap of an instruction, and whether a prompt is met, and no other is.

    python benchmarks/mesh_styles.py --meshes horse.obj person.obj

The instruction is carried out by the procedural editor, so its right result is known. The prompt is followed by the
small CLIP, and judged by it on views that were not looked at: the mean cosine with the prompt before and after, and
with nine other prompts of the same form after.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from editor3d.cli.commands.mesh import Mesh
from editor3d.datasets.views.images import read_image
from editor3d.metrics.clip import ClipScorer
from editor3d.metrics.clip_weights import TINY_CLIP, packaged_clip
from editor3d.run.record import read_record
from mesh.style.command import style
from mesh.style.evaluate import evaluate

INSTRUCTION = "make it bronze"
PROMPTS = ("a golden vase", "a blue vase")
LOOKS = ("golden", "blue", "red", "green", "purple", "pink", "wooden", "silver", "black", "orange", "turquoise")
CHOICES = 10


def instruction_row(mesh: Path, runs: Path) -> list[str]:
    """Name, gap, what doing nothing scores, what was reached and could be, seconds."""
    run = style(Mesh("style", mesh, instruction=INSTRUCTION, editor="procedural", runs=runs))
    mean = evaluate(run).known.mean
    seconds = read_record(run / "edit.json").times.total
    return [mesh.stem, *(f"{x:.2f}" for x in (mean.unedited, mean.edited, mean.ideal, mean.gap)), f"{seconds:.0f} s"]


def prompt_row(mesh: Path, prompt: str, runs: Path, scorer: ClipScorer) -> list[str]:
    """Name, prompt, similarity before and after, the nearest of nine others, seconds."""
    run = style(Mesh("style", mesh, prompt=prompt, clip=str(packaged_clip()), runs=runs))
    look = prompt.split()[1]
    others = [f"a {other} vase" for other in LOOKS if other != look][: CHOICES - 1]
    texts = scorer.embed_texts([prompt, *others])

    def similarities(kind: str) -> list[float]:
        pictures = [read_image(path).float() / 255.0 for path in sorted((run / kind).glob("*.png"))]
        return (scorer.embed_images(pictures) @ texts.T).mean(0).tolist()

    before, after = similarities("before"), similarities("after")
    nearest = max(range(1, len(texts)), key=lambda index: after[index])
    seconds = read_record(run / "edit.json").times.total
    told = f"{after[nearest]:.3f} ({others[nearest - 1]})"
    won = "yes" if after[0] > max(before[0], after[nearest]) else "no"
    return [mesh.stem, prompt, f"{before[0]:.3f}", f"{after[0]:.3f}", told, won, f"{seconds:.0f} s"]


def main(meshes: tuple[Path, ...], runs: Path = Path("outputs/mesh_styles"), only: str = "") -> int:
    """Restyle and judge.

    Args:
        meshes: files of meshes.
        runs: folder for the runs.
        only: "instruction" or "prompt"; both by default.
    """
    console = Console(width=120)
    if only != "prompt":
        table = Table("mesh", "unedited", "edited", "ideal", "gap", "time", title=f'"{INSTRUCTION}", PSNR in dB')
        for mesh in meshes:
            table.add_row(*instruction_row(mesh, runs))
        console.print(table)
        console.print("wanted: a gap of at most 1.5 dB within 300 s")
    if only != "instruction":
        scorer = ClipScorer(packaged_clip(), name=TINY_CLIP)
        table = Table("mesh", "prompt", "before", "after", "nearest of nine others", "won", "time", title=TINY_CLIP)
        for mesh in meshes:
            for prompt in PROMPTS:
                table.add_row(*prompt_row(mesh, prompt, runs, scorer))
        console.print(table)
        console.print("wanted: nearer to the prompt than before, and than to any of the others")
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
