"""Measure the time of an edit by kind of work, and the share that is not rendering, fitting or editing.

    python benchmarks/edit_overhead.py --data CAPTURE --downscale-factor 2 --instruction "make it look like winter"

The scene is reconstructed first unless that was done before; only the edit is counted.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import tyro
from rich.console import Console
from rich.table import Table

import editor3d
from editor3d.datasets.locate import DEMO
from editor3d.edit_config import edit_config
from editor3d.files.writing import write_json
from editor3d.options import EditOptions
from editor3d.run.record import read_record

LIMIT = 0.05


def main(
    data: str = DEMO,
    downscale_factor: int = 1,
    instruction: str = "make it look like winter",
    method: str = "in2n",
    editor: str = "procedural",
    steps: int | None = None,
    base_steps: int | None = None,
    output: Path | None = None,
    json_file: Path | None = None,
) -> None:
    """Edit a scene and print the share of time by kind of work.

    Args:
        data: a capture's folder, or the word demo.
        downscale_factor: read its pictures at 1/N of their size.
        instruction: how the scene should change.
        method: the edit method.
        editor: the 2D editor.
        steps: training steps of the edit; the method's own number by default.
        base_steps: training steps of the reconstruction; the method's own number by default.
        output: folder that runs are kept in, and reconstructions found again; a temporary one by default.
        json_file: also write the figures here.
    """
    with TemporaryDirectory() as folder:
        scene = editor3d.load(data, downscale_factor=downscale_factor)
        config = edit_config(
            scene,
            EditOptions(
                instruction,
                method=method,
                editor=editor,
                steps=steps,
                base_steps=base_steps,
                output=output or Path(folder),
            ),
        )
        config.set_timestamp()
        config.check()
        trainer = config.setup(local_rank=0, world_size=1)
        trainer.prepare()
        finished = trainer.fit()
        trainer.shutdown()
        record = read_record(trainer.base_dir / "edit.json")
    if not finished:
        raise SystemExit("Stopped before the last step: nothing to report.")
    kinds = {kind: getattr(record.times, kind) for kind in ("render", "fit", "edit")}
    kinds["rays"] = trainer.pipeline.stopwatch.seconds["rays"]
    total = record.times.total
    kinds["other"] = total - sum(kinds.values())
    table = Table(title=f'"{instruction}": {record.steps} steps, {len(record.edits)} 2D edits, {total:.1f} s')
    for name in ("work", "seconds", "share"):
        table.add_column(name, justify="left" if name == "work" else "right")
    for kind, seconds in kinds.items():
        table.add_row(kind, f"{seconds:.2f}", f"{seconds / total:.1%}")
    console = Console()
    console.print(table)
    share = record.times.other / total
    verdict = "within" if share <= LIMIT else "above"
    console.print(f"Neither rendering, fitting nor editing: {share:.1%}, {verdict} {LIMIT:.0%}.")
    if json_file is not None:
        write_json(json_file, {"data": data, "instruction": instruction, "seconds": kinds, "neither_share": share})


if __name__ == "__main__":
    tyro.cli(main)
