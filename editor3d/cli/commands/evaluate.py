"""`editor3d eval`: judge a finished edit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Evaluate:
    """Judge a finished edit by held-out views: edit gap, locality, cost; depth error for true edits.

    The truth is the known map of the instruction applied to the held-out photographs, or pictures of the scene truly
    edited. Writes eval.json into the run's folder.
    """

    run_folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """The folder of a finished edit."""
    truth: Path | None = None
    """Folder of pictures of the scene truly edited, by view name, held-out views among them."""
    reference: Path | None = None
    """A run that reconstructs the truly edited pictures: the fair ideal of a true edit."""
    data: str | None = None
    """Where the run's capture is now, if it was moved. It has to be the same."""
    json: bool = False
    """Print the report as JSON."""

    def run(self) -> int:
        import json

        from rich.console import Console

        from editor3d.api import Edit
        from editor3d.datasets.other_files import require_run
        from editor3d.files.writing import write_json
        from editor3d.plugin.results.scores import learned_scores

        require_run(self.run_folder)
        report = Edit(self.run_folder).evaluate(self.truth, self.reference, self.data)
        body = report.to_json() | {"learned": learned_scores(self.run_folder)}
        path = self.run_folder / "eval.json"
        write_json(path, body)
        if self.json:
            print(json.dumps(body, indent=2))
            return 0
        console = Console()
        console.print(report.to_table())
        for name, value in body["learned"].items():
            console.print(f"{name}: {value if isinstance(value, str) else format(value, '.3f')}", soft_wrap=True)
        console.print(f"Report: {path}", soft_wrap=True)
        return 0
