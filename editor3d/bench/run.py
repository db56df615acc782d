"""Carry out a suite. What is done stays done: a suite that was stopped goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from editor3d import api
from editor3d.bench.suite import Cell, Suite
from editor3d.edit_config import edit_config
from editor3d.errors import DataError, Editor3DError, sentence
from editor3d.files.safe_open import read_json
from editor3d.files.writing import write_json
from editor3d.options import options_from
from editor3d.run.record import RECORD, read_record

CELLS, BASES = "cells", "bases"
_DONE = "cell.json"


@dataclass(frozen=True)
class Result:
    """What became of one edit."""

    cell: Cell
    folder: Path
    run: Path | None = None
    """The folder of the finished edit; None where it failed."""
    report: dict[str, Any] | None = None
    """As `EditReport.to_json` has it; None where it failed."""
    refused: str = ""
    """Why there is none, in one sentence."""


def run_suite(suite: Suite, output: Path, say: Callable[[str], None] = lambda line: None) -> list[Result]:
    """Make and judge every edit of a suite that is not done yet.

    An edit that is refused is one of the results; it is tried again the next time.

    Args:
        output: folder of the suite's reconstructions and edits.
        say: called with one line an edit, before it.

    Raises:
        KeyboardInterrupt: stopped; the next call goes on.
    """
    cells, results = suite.cells(), []
    for number, cell in enumerate(cells, start=1):
        folder = output / CELLS / cell.name
        found = _kept(cell, folder)
        told = "done before" if found is not None else "editing"
        say(f"{number}/{len(cells)} {cell.capture}: {cell.instruction}, {cell.method}, {cell.editor}: {told}")
        if found is None:
            try:
                found = _edited(cell, folder, output / BASES)
            except (Editor3DError, OSError) as error:
                found = Result(cell, folder, refused=" ".join(sentence(error).split()))
                say(f"  not done: {found.refused}")
        results.append(found)
    return results


def _kept(cell: Cell, folder: Path) -> Result | None:
    """What an earlier call noted; None where it did not come so far."""
    try:
        body = read_json(folder / _DONE)
        return Result(cell, folder, folder / body["run"], body["report"])
    except (OSError, ValueError, KeyError, TypeError, DataError):
        return None


def _edited(cell: Cell, folder: Path, bases: Path) -> Result:
    options = options_from({**cell.options, "instruction": cell.instruction, "editor": cell.editor})
    edit = _begun(folder)
    if edit is None:
        scene = api.load(cell.capture, downscale_factor=cell.downscale_factor)
        base_method = edit_config(scene, replace(options, method=cell.method)).base_method
        base = scene.reconstruct(method=base_method, steps=options.base_steps, output=bases)
        chosen = {name: value for name, value in vars(options).items() if name != "base_steps"}
        edit = api.load(base).edit(**{**chosen, "method": cell.method, "output": folder})
    report = edit.evaluate(trials=cell.trials).to_json()
    run = edit.folder.resolve().relative_to(folder.resolve())
    write_json(folder / _DONE, {"cell": asdict(cell), "run": str(run), "report": report})
    return Result(cell, folder, edit.folder, json.loads(json.dumps(report)))


def _begun(folder: Path) -> api.Edit | None:
    """The edit that an earlier call began in a folder, carried to its end; None where it had not begun."""
    runs = sorted(path.parent for path in folder.rglob("config.yml")) if folder.is_dir() else []
    if not runs:
        return None
    record = runs[-1] / RECORD
    if record.is_file() and read_record(record).metrics:
        return api.Edit(runs[-1])
    done = api.resume(runs[-1])
    return done if isinstance(done, api.Edit) else None


def refused(results: Sequence[Result]) -> list[Result]:
    """Those that there is no report of."""
    return [result for result in results if result.report is None]
