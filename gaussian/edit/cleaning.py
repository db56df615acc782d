"""Clean a scene of splats: what belongs to no surface goes, fewer Gaussians stay, and it stands upright in metres."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from editor3d.errors import ConfigError
from editor3d.outputs.splat_change import Cleaned
from editor3d.types import Around, Cleaning
from gaussian.change import stray
from gaussian.change.decimate import decimated
from gaussian.change.place import placed
from gaussian.draw.selection import light
from gaussian.edit.opened import OpenedSplats, open_splats
from gaussian.files import write_splats
from gaussian.files.contents import SplatFile
from gaussian.view.content import Content
from gaussian.view.upright import shown_up

Vector = tuple[float, float, float]


def clean_splats(
    scene: Path,
    output: Path,
    cleaning: Cleaning,
    *,
    upright: Literal["ground", "cameras"] | Vector | None = None,
    up_axis: Vector = (0.0, 0.0, 1.0),
    measured: tuple[Vector, Vector, float] | None = None,
    around: Around | None = None,
) -> Cleaned:
    """Clean a scene, and write it as a file of splats. What stays keeps every bit, until it is thinned out or turned.

    Args:
        scene: a file of splats, or the folder of a run whose scene is made of them.
        output: its suffix names the format; written last, whole or not at all.
        cleaning: what goes; see `gaussian.change.stray` and `gaussian.change.decimate`.
        upright: what says where up is: the ground that the scene shows, the cameras, or a direction in its frame.
        up_axis: where up is afterwards.
        measured: two points in the scene's frame, and how far they are apart in truth: the scene is scaled to that.
        around: the cameras round a file.

    Raises:
        Editor3DError: one sentence on what was expected, what came and what to do.
    """
    background, count = cleaning.background, cleaning.decimate
    wanted = {"floaters": cleaning.floaters, "needles": cleaning.needles, "fog": cleaning.fog}
    wanted["background"] = background is not None
    if cleaning == Cleaning() and upright is None and measured is None:
        raise ConfigError(
            "Expected what to clean, got nothing: give --floaters, --needles, --fog, --background, --decimate, "
            "--upright or --measure."
        )
    if background is not None and not background > 0:
        raise ConfigError(f"Expected a background beyond more than 0 times the cameras' distance, got {background}.")
    opened = open_splats(scene, output, around)
    contents = opened.contents
    drawn = contents.drawn
    found: dict[str, Callable[[], Tensor]] = {
        "floaters": lambda: stray.floaters(drawn, opened.cameras),
        "needles": lambda: stray.needles(drawn, _size(opened)),
        "fog": lambda: stray.fog(drawn, opened.cameras),
        "background": lambda: stray.background(drawn, opened.cameras, background or 0.0),
    }
    gone = torch.zeros(len(contents), dtype=torch.bool)
    removed = {}
    for name in (name for name, is_wanted in wanted.items() if is_wanted):
        which = found[name]()
        removed[name] = int(which.sum())
        gone |= which
    if bool(gone.all()):
        raise ConfigError("Expected something of the scene to stay, got a cleaning that takes all: ask for less.")
    after = contents.only(~gone) if bool(gone.any()) else contents
    merged = 0
    if count is not None:
        shown = light(after.drawn, opened.cameras)
        merged = max(0, len(after) - count)
        if merged:
            thin = decimated(after.drawn, count, shown)
            after = SplatFile(thin, after.offset, after.absolute, after.antialiased, comments=after.comments)
    if upright is not None or measured is not None:
        after = _standing(opened, after, upright, up_axis, measured)
    write_splats(output, after)
    return Cleaned(output, len(contents), removed, merged, len(after))


def _size(opened: OpenedSplats) -> float:
    """Of the scene: the median distance of its cameras from what they see in the middle."""
    eyes = torch.stack([torch.linalg.inv(camera.viewmat.double())[:3, 3] for camera in opened.cameras])
    centre = opened.contents.splats.means.double().median(0).values
    return float((eyes - centre).norm(dim=1).median())


def _standing(
    opened: OpenedSplats,
    contents: SplatFile,
    upright: Literal["ground", "cameras"] | Vector | None,
    up_axis: Vector,
    measured: tuple[Vector, Vector, float] | None,
) -> SplatFile:
    rotation, scale = np.eye(3), 1.0
    if measured is not None:
        apart = float(np.linalg.norm(np.subtract(measured[0], measured[1])))
        if not (apart > 0 and measured[2] > 0):
            raise ConfigError("Expected two different points and a length above 0 to measure by, got others.")
        scale = measured[2] / apart
    if upright is not None:
        match upright:
            case "cameras":
                up = opened.up.numpy()
            case "ground":
                shown = shown_up(Content.of(contents.drawn))
                if shown is None:
                    raise ConfigError("Expected flat ground to stand on, found none: give --upright cameras or X,Y,Z.")
                up = np.array(shown)
            case _:
                up = np.array(upright, float)
        rotation = _turn(up, np.array(up_axis, float))
    matrix = torch.from_numpy(np.column_stack([scale * rotation, np.zeros(3)]))
    return placed(contents, torch.ones(len(contents), dtype=torch.bool), matrix)


def _turn(up: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The least rotation [3, 3] that brings one direction to another."""
    from scipy.spatial.transform import Rotation

    if not (np.linalg.norm(up) > 0 and np.linalg.norm(wanted) > 0):
        raise ConfigError("Expected directions of some length to stand upright by, got one of length zero.")
    up, wanted = up / np.linalg.norm(up), wanted / np.linalg.norm(wanted)
    axis = np.cross(up, wanted)
    angle = np.arctan2(np.linalg.norm(axis), up @ wanted)
    if np.linalg.norm(axis) < 1e-12:
        axis = np.cross(up, np.eye(3)[np.abs(up).argmin()])
    return Rotation.from_rotvec(axis / np.linalg.norm(axis) * angle).as_matrix()
