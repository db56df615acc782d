"""`editor3d resume`: continue an interrupted run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from editor3d.cli.paid import PaidOptions


@dataclass(frozen=True)
class Resume:
    """Continue an interrupted edit or reconstruction; the result is that of an uninterrupted run."""

    run_folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Name the run's folder: the one with config.yml."""
    data: str | None = None
    """Name the capture's new folder if it was moved; it must be the same capture. The run's configuration is updated,
    so that ns-viewer and others find it too."""

    accept: bool = False
    """Accept the first 2D edit of a run that waits for it (--approve), and continue."""
    again: int | None = None
    """Make that first 2D edit again by this seed, and wait again."""

    paid: Annotated[PaidOptions, tyro.conf.arg(name="")] = PaidOptions()

    def run(self) -> int:
        import shlex

        from editor3d.api import Scene, resume
        from editor3d.datasets.other_files import require_run

        require_run(self.run_folder)
        with self.paid.consenting():
            done = resume(self.run_folder, data=self.data, accept=self.accept, again=self.again)
        if isinstance(done, Scene):  # an edit says itself what it made
            run = shlex.quote(str(self.run_folder))
            print(f'Reconstructed. Edit it with: editor3d edit {run} --instruction "..."')
        return 0
