"""Change scenes of splats by numbers from Python; `import editor3d` gives these names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from editor3d.datasets.other_files import RUN_OR_SPLATS, require_run
from editor3d.host.surroundings import settled
from editor3d.registry import CLEAN_SPLATS, GRADE_SPLATS, PLACE_SPLATS, load_target
from editor3d.types import Around, Cleaning, Grading

if TYPE_CHECKING:
    from editor3d.outputs.splat_change import Cleaned, SplatChange

Vector = tuple[float, float, float]


def _scene(path: Path | str) -> Path:
    found = Path(path).expanduser()
    require_run(found, RUN_OR_SPLATS)
    return found


@settled()
def move_splats(
    scene: Path | str,
    output: Path | str,
    instruction: str | None = None,
    *,
    select: str | None = None,
    by: Sequence[float] | None = None,
    rotate: float | None = None,
    axis: Sequence[float] | None = None,
    scale: float | None = None,
    copy: bool = False,
    view: str | None = None,
) -> SplatChange:
    """Move, turn, scale or copy a part of a scene; it looks from everywhere as it did where it was.

    Args:
        scene: a file of splats, or the folder of a run whose scene is made of them. It stays unchanged.
        output: the changed scene; its suffix names the format.
        instruction: "move the ball to the left of the teapot by its own width"; instead of a region and numbers.
        select: the part, as `region` of `Scene.edit`.
        by: [3], in the capture's frame.
        rotate: degrees about `axis` [3] through the part's middle, the vertical by default.
        scale: from the part's middle.
        copy: leave the part where it is.
        view: where one stands who says left and right; the first view by default.

    Returns:
        How many Gaussians of how many.

    Raises:
        Editor3DError: one sentence on what was expected, what came and what to do; no output is written.
    """
    return load_target(PLACE_SPLATS)(
        _scene(scene),
        Path(output).expanduser(),
        instruction=instruction,
        region=select,
        by=by,
        axis=axis,
        degrees=rotate,
        scale=scale,
        copy=copy,
        view=view,
    )


@settled()
def grade_splats(scene: Path | str, output: Path | str, grading: Grading, *, select: str | None = None) -> SplatChange:
    """Grade the colours of a scene or of a part of it, in linear light and from all sides.

    Args:
        scene: a file of splats, or the folder of a run whose scene is made of them. It stays unchanged.
        output: the changed scene; its suffix names the format.
        grading: what is done, e.g. `Grading(exposure=0.5, warmth=0.2)`.
        select: the part, as `region` of `Scene.edit`; all of it by default.

    Returns:
        How many Gaussians of how many.

    Raises:
        Editor3DError: one sentence on what was expected, what came and what to do; no output is written.
    """
    return load_target(GRADE_SPLATS)(_scene(scene), Path(output).expanduser(), grading, region=select)


@settled()
def clean_splats(
    scene: Path | str,
    output: Path | str,
    cleaning: Cleaning | None = None,
    *,
    upright: Literal["ground", "cameras"] | Vector | None = None,
    up_axis: Vector = (0.0, 0.0, 1.0),
    measured: tuple[Vector, Vector, float] | None = None,
    around: Around | None = None,
) -> Cleaned:
    """Take away what belongs to no surface, thin a scene out, set it upright and to its true size.

    Args:
        scene: a file of splats, or the folder of a run whose scene is made of them. It stays unchanged.
        output: the cleaned scene; its suffix names the format.
        cleaning: what goes, e.g. `Cleaning(floaters=True, decimate=100_000)`.
        upright: what says where up is: the ground, the cameras, or a direction [3].
        up_axis: where up is afterwards, [3].
        measured: two points [3] of the scene and their true distance.
        around: the cameras round a file.

    Returns:
        How many Gaussians went, and why.

    Raises:
        Editor3DError: one sentence on what was expected, what came and what to do; no output is written.
    """
    return load_target(CLEAN_SPLATS)(
        _scene(scene),
        Path(output).expanduser(),
        cleaning or Cleaning(),
        upright=upright,
        up_axis=up_axis,
        measured=measured,
        around=around,
    )
