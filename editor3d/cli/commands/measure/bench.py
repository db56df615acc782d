"""`editor3d bench`: a table of scores over captures, instructions, methods and editors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Bench:
    """Make and judge all edits of a suite, and write a table of their scores as Markdown and CSV, with pictures.

    A suite that was stopped goes on where it was: what is done is not made again. Ends with exit code 1 where an edit
    was refused; the table says why.
    """

    suite: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SUITE.yaml")]
    """Name a YAML file with captures, instructions, methods and editors (docs/metrics.md), or demo for the suite that
    comes with the package."""
    output: Path = Path("outputs/bench")
    """Name the folder of its edits and tables."""

    def run(self) -> int:
        from editor3d.bench.run import refused, run_suite
        from editor3d.bench.suite import read_suite
        from editor3d.bench.table import markdown, table_csv, write_pictures
        from editor3d.files.writing import replacing
        from editor3d.plugin.train.presets import presets_folder
        from editor3d.run.events import Result, absolute, emit

        path = presets_folder() / "suites" / "demo.yaml" if str(self.suite) == "demo" else self.suite
        suite = read_suite(path)
        results = run_suite(suite, self.output, lambda line: print(line, flush=True))
        pictures = write_pictures(results, self.output / "pictures")
        for name, text in (("bench.md", markdown(suite, results, pictures)), ("bench.csv", table_csv(results))):
            with replacing(self.output / name) as temporary:
                temporary.write_text(text, encoding="utf-8")
            emit(Result(kind="report", path=absolute(self.output / name)))
        failed = refused(results)
        print(f"{len(results) - len(failed)} of {len(results)} edits judged: {self.output / 'bench.md'}, bench.csv")
        return 1 if failed else 0
