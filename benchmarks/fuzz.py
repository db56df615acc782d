"""Break files of every kind at random and read them: whatever they hold, the answer is a scene or one sentence.

    python benchmarks/fuzz.py 100000                 # cases, spread over all formats
    python benchmarks/fuzz.py 5000 --formats config mesh-obj
    python benchmarks/fuzz.py --case mesh-obj:1234   # one case again, with its traceback

Prints for each format how many were read and refused, and how many ended in an error that is no sentence, hung,
crashed, or took a process above 1 GiB. Ends with exit code 1 if any did.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from lab.fuzzing.formats import FORMATS, format_of
from lab.fuzzing.formats.mutate import mutated
from lab.fuzzing.run import Report, run

_KINDS = ("read", "refused", "error", "hang", "crash", "memory")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="?", type=int, default=10_000, help="how many cases, spread over the formats")
    parser.add_argument("--formats", nargs="+", choices=sorted(FORMATS), default=list(FORMATS), metavar="NAME")
    parser.add_argument("--first", type=int, default=0, help="number of the first case of each format")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--case", metavar="FORMAT:NUMBER", help="try one case here, and show where it fails")
    arguments = parser.parse_args()
    if arguments.case:
        return _again(*arguments.case.split(":"))
    each = -(-arguments.cases // len(arguments.formats))
    cases = [(name, number) for name in arguments.formats for number in range(arguments.first, arguments.first + each)]
    start = time.monotonic()
    reports = run(
        cases, arguments.processes, lambda done: print(f"{done} of {len(cases)}", file=sys.stderr, flush=True)
    )
    _print(reports, time.monotonic() - start)
    return int(any(report.failed for report in reports.values()))


def _print(reports: dict[str, Report], seconds: float) -> None:
    print(f"{'format':<18}{'cases':>8}" + "".join(f"{kind:>9}" for kind in _KINDS) + f"{'MiB':>7}")
    for name, report in reports.items():
        counts = "".join(f"{report.outcomes[kind]:>9}" for kind in _KINDS)
        print(f"{name:<18}{report.cases:>8}{counts}{report.memory >> 20:>7}")
    total = {kind: sum(report.outcomes[kind] for report in reports.values()) for kind in _KINDS}
    cases, most = sum(report.cases for report in reports.values()), max(report.memory for report in reports.values())
    print(f"{'all':<18}{cases:>8}" + "".join(f"{total[kind]:>9}" for kind in _KINDS) + f"{most >> 20:>7}")
    print(f"{seconds:.0f} s")
    for name, report in reports.items():
        for place, (number, text) in sorted(report.failures.items()):
            print(f"{name}:{number}: {place}: {text}")


def _again(name: str, number: str) -> int:
    chosen = format_of(name)
    files = mutated(chosen.wholes[int(number) % len(chosen.wholes)], f"{name}:{number}")
    with tempfile.TemporaryDirectory() as folder:
        for file, content in files.items():
            path = Path(folder) / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        print(chosen.read(Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
