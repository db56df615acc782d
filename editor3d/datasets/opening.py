"""Print the first line of every command: what was found in the capture."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from editor3d.datasets.reduce import MAX_SIDE
from editor3d.run.opening import say_once
from editor3d.types import PosedImages

_SAYS_NOTHING = ("capture", "data")


def announce(posed: PosedImages, name: str | None = None) -> None:
    """Say on stderr, once a command, what a capture holds; see `describe`."""
    say_once(describe(posed, name))


def announce_reduction(posed: PosedImages, flag: str = "--downscale-factor") -> None:
    """Say on stderr, once a command, that pictures are read smaller by default.

    Args:
        flag: what says otherwise to the command that runs.
    """
    if posed.downscale_factor > 1:
        say_once(
            f"Photographs of more than {MAX_SIDE} pixels a side are read at 1/{posed.downscale_factor} of their size; "
            f"{flag} 1 reads them whole."
        )


def describe(posed: PosedImages, name: str | None = None) -> str:
    """What a capture holds: "bear: 84 + 12 views, 512², 0 masks, 34 174 points, transforms.json".

    Args:
        posed: the capture. Views are those for training and those held out, of the size that they are read at.
        name: what it is called; its folder's name unless given, with the folder above where that says nothing.
    """
    masks = sum(view.mask_path is not None for view in posed.views)
    parts = [
        f"{len(posed.train_views)} + {len(posed.test_views)} views",
        _sizes(posed),
        _counted(masks, "mask"),
        _counted(0 if posed.points is None else len(posed.points), "point"),
    ]
    fisheyes = sum(view.fisheye for view in posed.views)
    if fisheyes:
        parts.append("fisheye" if fisheyes == len(posed.views) else f"{fisheyes} of them fisheye")
    depths = sum(view.depth_path is not None for view in posed.views)
    if depths:
        parts.append(f"{depths} with depth")
    if posed.objects:
        parts.append(_counted(len(posed.objects), "object"))
    return f"{name or _called(posed.root.resolve())}: {', '.join([*parts, *posed.notes])}"


def _called(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}" if folder.name in _SAYS_NOTHING else folder.name


def _sizes(posed: PosedImages) -> str:
    sizes = Counter((view.width, view.height) for view in posed.views)
    named = [f"{width}²" if width == height else f"{width}×{height}" for width, height in sorted(sizes)]
    read = f" (1/{posed.downscale_factor} of their size)" if posed.downscale_factor > 1 else ""
    return (named[0] if len(named) == 1 else f"{named[0]} to {named[-1]}") + read


def _counted(count: int, thing: str) -> str:
    """A number, its thousands apart, and the things."""
    return f"{count:,}".replace(",", " ") + f" {thing}" + ("" if count == 1 else "s")
