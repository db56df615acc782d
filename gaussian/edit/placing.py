"""Move, turn, scale or copy a part of a scene of splats, by numbers or as a sentence says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from editor3d.errors import ConfigError, InstructionError
from editor3d.language.placing import Placing, parse_placing
from editor3d.outputs.splat_change import SplatChange
from editor3d.types import Around
from gaussian.change.place import extent, placed, similarity
from gaussian.edit.opened import OpenedSplats, open_splats
from gaussian.files import write_splats

_SIGNS = {"left": (0, -1), "right": (0, 1), "down": (1, -1), "up": (1, 1), "front": (2, -1), "back": (2, 1)}
"""Axis (to the right, up, away) and sign of a direction, as the one who stands at the view sees it."""
_SIZES = {"width": 0, "height": 1, "depth": 2}


def place_splats(
    scene: Path,
    output: Path,
    *,
    instruction: str | None = None,
    region: str | None = None,
    by: Sequence[float] | None = None,
    axis: Sequence[float] | None = None,
    degrees: float | None = None,
    scale: float | None = None,
    copy: bool = False,
    view: str | None = None,
    around: Around | None = None,
) -> SplatChange:
    """Move a part of a scene, and write the scene as a file of splats.

    Args:
        scene: a file of splats, or the folder of a run whose scene is made of them.
        output: its suffix names the format; written last, whole or not at all.
        instruction: says what goes where, by the names of objects; instead of a region and numbers.
        region: the part, as `parse_region` takes it.
        by: [3], the capture's frame.
        axis: to turn about, through the part's middle; the vertical by default.
        degrees: how far.
        scale: from the part's middle.
        copy: leave the part where it is.
        view: where one stands who says left and right; the first view by default.

    Raises:
        Editor3DError: one sentence on what was expected, what came and what to do.
    """
    numbers = [by, degrees, scale]
    if instruction is not None and (region is not None or copy or any(one is not None for one in (*numbers, axis))):
        raise ConfigError("Expected a sentence, or a region and numbers, got both: leave one out.")
    if instruction is None and (region is None or all(one is None for one in numbers)):
        raise ConfigError(
            "Expected a sentence, or a region and where it goes, got less: give --instruction, or --select with --by, "
            "--rotate or --scale."
        )
    if axis is not None and degrees is None:
        raise ConfigError("Expected degrees to turn by with an axis, got none: say how far.")
    opened = open_splats(scene, output, around)
    if instruction is not None:
        placing = parse_placing(instruction, opened.objects)
        which, matrix = _meant(opened, placing, view)
        copy = placing.copy
    else:
        which = opened.which(region)
        frame = torch.eye(3, dtype=torch.float64)
        low, high = extent(opened.contents, which, frame)
        turn = opened.up.tolist() if axis is None and degrees is not None else (axis or (0.0, 0.0, 1.0))
        matrix = similarity(((low + high) / 2).tolist(), by or (0, 0, 0), turn, degrees or 0.0, scale or 1.0)
    after = placed(opened.contents, which, matrix, copy)
    write_splats(output, after)
    return SplatChange(output, int(which.sum()), len(which), len(after))


def _meant(opened: OpenedSplats, placing: Placing, view: str | None) -> tuple[Tensor, Tensor]:
    """Which Gaussians [N] bool a sentence means, and where they go: [3, 4]."""
    which = opened.which(f"object:{placing.name}")
    axes = _axes(opened, view)
    low, high = extent(opened.contents, which, axes)
    centre, base = (low + high) / 2, ((low + high) / 2).clone()
    base[1] = low[1]
    if placing.scale != 1.0:
        return which, similarity((axes.T @ base).tolist(), scale=placing.scale)
    if placing.degrees:
        return which, similarity((axes.T @ centre).tolist(), axis=axes[1].tolist(), degrees=placing.degrees)
    assert placing.direction is not None
    along, sign = _SIGNS[placing.direction]
    gap = 0.0
    if placing.amount is not None:
        gap = placing.amount.number
        if placing.amount.side is not None:
            ends = (low, high) if placing.amount.of is None else _reach(opened, placing.amount.of, axes)
            gap *= float((ends[1] - ends[0])[_SIZES[placing.amount.side]])
    shift = torch.zeros(3, dtype=torch.float64)
    if placing.beside is None:
        shift[along] = sign * gap
    else:
        if placing.beside == placing.name:
            raise InstructionError(f"Expected another object to put the {placing.name} beside, got itself: name one.")
        there = _reach(opened, placing.beside, axes)
        shift = (there[0] + there[1]) / 2 - centre
        shift[along] = there[1][along] + gap - low[along] if sign > 0 else there[0][along] - gap - high[along]
        if along != 1:
            shift[1] = there[0][1] - low[1]  # on the same ground
    return which, similarity((0.0, 0.0, 0.0), by=(axes.T @ shift).tolist())


def _reach(opened: OpenedSplats, name: str, axes: Tensor) -> tuple[Tensor, Tensor]:
    return extent(opened.contents, opened.which(f"object:{name}"), axes)


def _axes(opened: OpenedSplats, view: str | None) -> Tensor:
    """To the right, up and away, as the one sees it who stands at a view: rows [3, 3] float64."""
    up = opened.up
    c2w = torch.from_numpy(opened.view(view).c2w).double()
    away = -c2w[:, 2] + (c2w[:, 2] @ up) * up
    if float(away.norm()) < 1e-3:  # looks straight down: what is up in the picture is away
        away = c2w[:, 1] - (c2w[:, 1] @ up) * up
    away = torch.nn.functional.normalize(away, dim=0)
    return torch.stack([torch.linalg.cross(away, up), up, away])
