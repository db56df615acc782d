"""Write the scene of a refinement, open it again, and compare it with the winning picture. Imports no bpy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from editor3d.errors import Editor3DError
from editor3d.programs.core.contracts import Candidate

if TYPE_CHECKING:
    from editor3d.programs.rendering.pool import Workers

PART = 0.1
"""Of what the best program changes in the picture, as much may be missing without a word: noise of other samples."""
LEAST = 0.02
"""Of 255: a difference that nobody sees."""


def write(workers: Workers, first: Candidate, best: Candidate, path: Path) -> dict[str, Any]:
    """Write the scene with what the best program changes, and prove it.

    Args:
        first: the program that the search began with.
        best: the program that won.
        path: the .blend file.

    Returns:
        For the summary: `file`, the file's name, None where it was not written; `left_out`, what a person calls the
        datablocks that could not be changed; `error`, why it was not written; `difference` of the file's render and the
        winner's picture, and the `change` that the program makes (both mean absolute, of 255); `doubts`, one
        sentence for each thing that is not as it should be. Nothing that goes wrong here costs the search's result.
    """
    report: dict[str, Any] = {
        "file": None,
        "left_out": [],
        "error": "",
        "difference": None,
        "change": None,
        "doubts": [],
    }
    try:
        report["left_out"] = workers.save_scene(best.source, path)
    except Editor3DError as error:
        path.unlink(missing_ok=True)
        return report | {"error": str(error)}
    report["file"] = path.name
    try:
        again, saved = workers.render_anew(best.source), workers.render_scene(path)
        before = first.image if first.source != best.source else workers.render("").image
    except Editor3DError as error:
        return report | {"doubts": [f"{path.name} could not be opened again to look at it: {error}"]}
    return report | compared(path.name, best.image, before, again=again.image, saved=saved.image)


def compared(
    name: str, best: np.ndarray, before: np.ndarray | None, *, again: np.ndarray | None, saved: np.ndarray | None
) -> dict[str, Any]:
    """`difference`, `change` and `doubts` of a scene that was saved.

    Args:
        name: of the scene's file.
        best: [H, W, 3] uint8, the picture that won.
        before: the picture that it is compared with: the first program's, or that of the scene without a program.
        again: the best program's picture in a process in which no other program ran; None where it gave none.
        saved: the saved scene's; None where it gave none.
    """
    change = 0.0 if before is None else _difference(best, before)
    allowed, doubts = max(PART * change, LEAST), []
    if again is None or _difference(again, best) > allowed:
        doubts.append(
            "best.py gives another picture than best.png when it runs in a process of its own: it may depend on chance "
            "or on the order of what Blender keeps in memory; look at it before you rely on it."
        )
    if saved is None:
        doubts.append(f"{name} gives no picture when it is opened again: run best.py on the scene instead.")
        return {"difference": None, "change": change, "doubts": doubts}
    difference = min(_difference(saved, picture) for picture in (best, again) if picture is not None)
    if difference > allowed:
        doubts.append(
            f"{name} does not look like best.png: opened again it differs by {difference:.1f} of 255, and what best.py "
            f"changes is {change:.1f}; run best.py on the scene instead."
        )
    return {"difference": difference, "change": change, "doubts": doubts}


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    """Mean absolute difference of two pictures [H, W, 3] uint8, of 255; of two sizes, at the smaller one."""
    if one.shape != other.shape:  # where time ended before a winner was rendered whole
        height, width = min(one.shape[0], other.shape[0]), min(one.shape[1], other.shape[1])
        box = Image.Resampling.BOX
        one, other = (np.array(Image.fromarray(picture).resize((width, height), box)) for picture in (one, other))
    return float(np.abs(one.astype(np.int16) - other.astype(np.int16)).mean())
