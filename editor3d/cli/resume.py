"""`editor3d resume`: go on with an interrupted edit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Resume:
    """Go on with an interrupted run, as if it had not been interrupted."""

    run_folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """The run's folder: the one with config.yml."""

    def run(self) -> int:
        from editor3d.api import resume

        resume(self.run_folder)
        return 0
