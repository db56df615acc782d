"""`editor3d eval`: judge a finished edit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True)
class Evaluate:
    """Judge a finished edit by held-out views, whatever its instruction.

    Prints how much changed and where, whether views still agree, how sharp they are, LPIPS and CLIP where their weights
    are on this machine, and the cost. Where the right result is known it also prints the edit gap: for an instruction
    that the procedural editor understands, or with pictures of the scene truly edited, whose depth is compared as well.
    With --trials it edits a few photographs again: by paraphrases, by other seeds, with noise. Writes eval.json into
    the run's folder, in the form that --schema prints.
    """

    run_folder: Annotated[tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="RUN")] = None
    """Name the folder of a finished edit."""
    truth: Path | None = None
    """Name a folder of pictures of the scene truly edited, by view name, including held-out views."""
    reference: Path | None = None
    """Name a run that reconstructs the truly edited pictures: the fair ideal of a true edit or a new material."""
    data: str | None = None
    """Name the capture's new folder if it was moved; it must be the same capture."""
    trials: int = 0
    """Try the 2D editor again on this many held-out photographs: about 20 further edits of each."""
    show: Literal["summary", "scores", "views"] = "scores"
    """Print one line of scores alone, a table of them, or that table and another with a row for each view."""
    json: bool = False
    """Print the report as JSON."""
    schema: bool = False
    """Print the JSON schema of reports, and judge nothing."""

    def run(self) -> int:
        import json

        from rich.console import Console

        from editor3d.api import Edit
        from editor3d.datasets.other_files import require_run
        from editor3d.errors import ConfigError
        from editor3d.files.writing import write_json
        from editor3d.run.events import Result, absolute, emit
        from editor3d.run.opening import be_brief

        if self.schema:
            from editor3d.metrics.report.schema import report_schema

            print(json.dumps(report_schema(), indent=2))
            return 0
        if self.run_folder is None or self.trials < 0:
            raise ConfigError("Expected the folder of a run, and no trials or some, got others: editor3d eval RUN.")
        if self.show == "summary":
            be_brief()
        require_run(self.run_folder)
        report = Edit(self.run_folder).evaluate(self.truth, self.reference, self.data, self.trials)
        body, path = report.to_json(), self.run_folder / "eval.json"
        write_json(path, body)
        emit(Result(kind="report", path=absolute(path)))
        if self.json:
            print(json.dumps(body, indent=2))
            return 0
        console = Console()
        if self.show == "summary":
            console.print(report.summary(), soft_wrap=True, highlight=False)
            return 0
        console.print(report.to_table())
        if self.show == "views":
            console.print(report.to_views_table())
        console.print(f"Report: {path}", soft_wrap=True)
        return 0
