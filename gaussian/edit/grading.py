"""Grade the colours of a part of a scene of splats."""

from __future__ import annotations

from pathlib import Path

from editor3d.outputs.splat_change import SplatChange
from editor3d.types import Grading
from gaussian.change.grade import Grade, graded
from gaussian.edit.opened import open_splats
from gaussian.files import write_splats


def grade_splats(scene: Path, output: Path, grading: Grading, *, region: str | None = None) -> SplatChange:
    """Grade a part of a scene, and write the scene as a file of splats; `gaussian.change.grade` has the formulas.

    Args:
        scene: a file of splats, or the folder of a run whose scene is made of them.
        output: its suffix names the format; written last, whole or not at all.
        region: the part, as `parse_region` takes it; all of it without one.

    Raises:
        Editor3DError: one sentence on what was expected, what came and what to do.
    """
    grade = Grade.of(grading)
    opened = open_splats(scene, output)
    which = opened.which(region)
    after = opened.contents.with_colors_of(graded(opened.contents.splats, which, grade))
    write_splats(output, after)
    return SplatChange(output, int(which.sum()), len(which), len(after))
