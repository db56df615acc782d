"""`editor3d strength` and `editor3d history`: an edit as a strength, and the stack of edits under a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from editor3d.cli.commands.scene.said import say_changed
from editor3d.errors import ConfigError


@dataclass(frozen=True)
class Strength:
    """Write the scene of an edit of splats at a strength: 0 is what it was, 1 the edit, to the bit.

    Between them every number goes along the line from one to the other; Gaussians that the edit took away or made fade.
    """

    run_folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Name the folder of a finished edit of splats."""
    strength: tyro.conf.Positional[float]
    """Set the strength, -0.5 to 1.5; 0 to 1 where the edit took Gaussians away or made new ones."""
    output: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Name the scene to write; by default RUN/strengths/STRENGTH.ply."""

    def run(self) -> int:
        from editor3d.changes.edits import edit_at_strength

        return say_changed(edit_at_strength(self.run_folder, self.strength, self.output), "mixed")


@dataclass(frozen=True)
class History:
    """List the edits that a run stands on, oldest first; write its scene without some of them, or in another order.

    An edit can be left out, or come earlier, where no later one changes what it made.
    """

    run_folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Name the folder of a finished edit."""
    off: Annotated[str | None, tyro.conf.arg(metavar="N,N")] = None
    """Leave these edits out, by their numbers in the list; without this they are all made again."""
    order: Annotated[str | None, tyro.conf.arg(metavar="N,N")] = None
    """Make these edits, in this order."""
    output: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Name the scene to write, with --off or --order: .ply or another format of splats."""

    def run(self) -> int:
        from editor3d.changes.edits import edits_of, restack

        edits = edits_of(self.run_folder)
        if self.off is None and self.order is None:
            for number, edit in enumerate(edits, 1):
                record = edit.record
                where = f", only {record.region['region']}" if record.region.get("region") else ""
                print(f"{number}  {record.instruction or record.method} ({record.method}{where})  {edit.folder}")
            if not edits:
                print(f"{self.run_folder}: a reconstruction, without edits")
            return 0
        if self.output is None:
            raise ConfigError("Expected a file to write the scene to, got none: give --output FILE.")
        if self.off is not None and self.order is not None:
            raise ConfigError("Expected edits to leave out, or an order, got both: give the order of those that stay.")
        off = _numbers(self.off, "--off")
        order = [n for n in range(1, len(edits) + 1) if n not in off] if self.order is None else []
        order = order or _numbers(self.order, "--order")
        if not set(off) <= set(range(1, len(edits) + 1)):
            raise ConfigError(f"Expected numbers of the {len(edits)} edits for --off, got {self.off}.")
        return say_changed(restack(self.run_folder, order, self.output), "differ from the reconstruction")


def _numbers(text: str | None, flag: str) -> list[int]:
    try:
        return [] if text is None else [int(word) for word in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"Expected numbers separated by commas for {flag}, got {text}.") from error
