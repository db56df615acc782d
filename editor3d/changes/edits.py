"""Edits that were made: at a strength, and as a stack; `import editor3d` gives these names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from editor3d.api import Edit
from editor3d.host.surroundings import settled
from editor3d.registry import WRITE_STACK, WRITE_STRENGTH, load_target
from editor3d.run.record import stack_of

if TYPE_CHECKING:
    from editor3d.outputs.splat_change import SplatChange


def edits_of(run: Path | str) -> tuple[Edit, ...]:
    """The edits that a run stands on, its own the last; none for a reconstruction.

    Raises:
        Editor3DError: there is no run.
    """
    return tuple(Edit(folder) for folder in stack_of(Path(run).expanduser())[1:])


@settled()
def edit_at_strength(run: Path | str, strength: float, output: Path | str | None = None) -> SplatChange:
    """Write the scene of an edit of splats at a strength: 0 is what it was, 1 the edit, to the bit.

    Args:
        run: the folder of a finished edit.
        strength: -0.5 to 1.5; 0 to 1 where the edit took Gaussians away or made new ones.
        output: the scene to write; by default `strengths/STRENGTH.ply` in the run's folder.

    Raises:
        Editor3DError: one sentence on what was expected, what came and what to do; no output is written.
    """
    folder = Path(run).expanduser()
    target = folder / "strengths" / f"{strength:g}.ply" if output is None else Path(output).expanduser()
    return load_target(WRITE_STRENGTH)(folder, strength, target)


@settled()
def restack(run: Path | str, order: Sequence[int], output: Path | str) -> SplatChange:
    """Write a run's scene with its edits in another order, or without some, where they are of different parts.

    Args:
        run: the folder of a finished edit of splats.
        order: the edits to make, as `edits_of` lists them, counted from 1.
        output: the scene to write; its suffix names the format.

    Raises:
        Editor3DError: one sentence on what was expected, what came and what to do; no output is written.
    """
    return load_target(WRITE_STACK)(Path(run).expanduser(), order, Path(output).expanduser())
