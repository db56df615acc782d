"""Measure what signing an edit's results takes, beside the edit itself.

    python benchmarks/provenance.py outputs/demo/igs2gs/RUN

Copies the results of a finished run, signs the copies five times, and prints the median beside the time that the edit
took by its record; and how long one picture and one file of splats take.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import tyro

from editor3d.provenance.marking import mark
from editor3d.run.record import RECORD, read_record
from editor3d.run.results import statement_of

RESULTS = ("*.png", "*.mp4", "*.ply", "*.glb", "*.spz", "after", "edited")


def main(run: tyro.conf.Positional[Path], rounds: int = 5) -> int:
    """Print the table.

    Args:
        run: the folder of a finished edit.
        rounds: how often the results are signed.
    """
    record = read_record(run / RECORD)
    statement, times = statement_of(record, run), []
    with TemporaryDirectory() as folder:
        copies = []
        for pattern in RESULTS:
            for path in sorted(run.glob(pattern)):
                copy = Path(folder) / path.name
                if path.is_dir():
                    shutil.copytree(path, copy)
                else:
                    shutil.copyfile(path, copy)
                copies.append(copy)
        mark(copies[:1], statement)  # the library is loaded, and a key made, once in a process
        for _ in range(rounds):
            started = time.perf_counter()
            signed = mark(copies, statement)
            times.append(time.perf_counter() - started)
    took, edit = median(times), record.times.total
    print(f"signed {len(signed)} files in {took:.2f} s (median of {rounds}), {1000 * took / len(signed):.0f} ms a file")
    print(f"the edit took {edit:.1f} s: signing is {100 * took / edit:.2f} % of it")
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
