"""`editor3d resume`: go on with an interrupted run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Resume:
    """Go on with an interrupted run, of an edit or a reconstruction, as if it had not been interrupted."""

    run_folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """The run's folder: the one with config.yml."""
    data: str | None = None
    """Where the run's capture is now, if it was moved. It has to be the same; the run's configuration then names it,
    for ns-viewer and the like, too."""

    def run(self) -> int:
        import shlex

        from editor3d.api import Scene, resume
        from editor3d.datasets.other_files import require_run

        require_run(self.run_folder)
        if isinstance(resume(self.run_folder, data=self.data), Scene):  # an edit says itself what it made
            run = shlex.quote(str(self.run_folder))
            print(f'Reconstructed. Edit it with: editor3d edit {run} --instruction "..."')
        return 0
