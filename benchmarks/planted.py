"""Plant faults in one 2D edit in five of whole runs by a dozen edits: which are found, and what they cost the result.

    python benchmarks/planted.py --seeds 4 --output outputs/planted
    python benchmarks/planted.py --editors procedural --no-quick --seeds 1

Each run is made twice, by an editor and by the same one with faults (`lab.editors.faulty`: another style, blur, nothing
done). A fault is found where its edit is repeated, left out or counts for less; a good edit that is so was doubted in
vain. `gap` and `to anchor` are those of `benchmarks/few_edits.py`, of the run with faults minus that without. An editor
that is the same at every call, such as `procedural`, is not checked without faults: its difference holds what checks
and agreement cost, too.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

import editor3d
from benchmarks.few_edits import INSTRUCTION, anchor_seed, gap_to, look_of
from editor3d.api import Edit
from editor3d.datasets import load_posed_images
from editor3d.datasets.demo import demo_path
from editor3d.types import View
from lab.editors.faulty import planted_fault
from lab.editors.install import install_editors


def tally(edit: Edit, faulty: bool) -> Counter:
    """How many edits had a fault, of these were found, and how many good ones were doubted."""
    record = edit.record
    taken = {key["revision"] for key in record.notes["keys"]["accepted"] if not key["wrong"]}
    found: Counter = Counter()
    for revision, made in enumerate(record.edits, start=1):
        fault = planted_fault(made.view, made.seed) if faulty else ""
        found["faults" if fault else "good"] += 1
        if revision not in taken:
            found[f"found {fault}" if fault else "doubted"] += 1
            found["found"] += bool(fault)
    return found


def main(
    editors: tuple[str, ...] = ("procedural", "procedural-noisy"),
    seeds: int = 4,
    edits: int = 12,
    method: str = "igs2gs",
    instruction: str = INSTRUCTION,
    quick: bool = True,
    steps: int | None = None,
    base_steps: int | None = None,
    downscale: int = 1,
    output: Path = Path("outputs/planted"),
) -> int:
    """Print the table.

    Args:
        editors: 2D editors that faults are planted in.
        seeds: runs of each.
        edits: 2D edits of a run.
        method: in2n or igs2gs.
        instruction: one that the procedural editor understands.
        quick: fit colours alone, within seconds.
        steps: training steps of an edit that is not quick; the method's own by default.
        base_steps: training steps of the reconstruction; its method's own by default.
        downscale: divide the size of the pictures by this.
        output: folder of the runs.
    """
    install_editors()
    data = demo_path()
    views: dict[str, View] = {view.name: view for view in load_posed_images(data).views}
    table = Table(title=f'Faults in one edit in five, "{instruction}" by {method}, {edits} edits')
    for heading in ("editor", "seed", "faults", "found", "good", "doubted", "gap", "to anchor", "gap of the clean run"):
        table.add_column(heading, justify="left" if heading == "editor" else "right")
    total: Counter = Counter()
    for editor in editors:
        for seed in range(seeds):
            gaps, count = [], Counter()
            for name in (editor, f"faulty:{editor}"):
                edit = editor3d.load(data, downscale_factor=downscale).edit(
                    instruction,
                    method=method,
                    editor=name,
                    edits=edits,
                    seed=seed,
                    quick=quick,
                    steps=None if quick else steps,
                    base_steps=base_steps,
                    output=output,
                )
                anchor = look_of(editor, instruction, anchor_seed(edit))
                gaps.append((gap_to(look_of("procedural", instruction, 0), edit, views), gap_to(anchor, edit, views)))
                if name != editor:
                    count = tally(edit, True)
            total += count
            (clean, clean_anchor), (gap, to_anchor) = gaps
            table.add_row(
                editor,
                str(seed),
                *(str(count[kind]) for kind in ("faults", "found", "good", "doubted")),
                f"{gap - clean:+.2f}",
                f"{to_anchor - clean_anchor:+.2f}",
                f"{clean:.2f}",
            )
            Console(width=120).print(table)
    print(
        f"found {total['found']} of {total['faults']} faults, doubted {total['doubted']} of {total['good']} good edits"
    )
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
