"""Resolve what a user gives as a capture: a path, or the word demo."""

from __future__ import annotations

from pathlib import Path

from editor3d.datasets.other_files import what_to_do
from editor3d.errors import DataError

DEMO = "demo"
RUN_CONFIG = "config.yml"
"""What the folder of a run is known by."""
_OF_CAPTURES = ("transforms.json", "transforms_train.json", "sparse", "colmap")
"""What a capture holds, and a run does not, in its folder itself."""


def is_run(path: Path) -> bool:
    """Whether a folder is that of a run. A capture is none, whatever configuration lies in it: that is never read."""
    return (path / RUN_CONFIG).is_file() and not any((path / name).exists() for name in _OF_CAPTURES)


def resolve_data(arg: str) -> Path:
    """The path of a capture: `arg` itself where it exists, else the shipped scene for the word `demo`.

    Raises:
        DataError: there is no such path, or a file of a kind that is no scene here.
    """
    path = Path(arg).expanduser()
    if path.exists():
        message = None if path.is_dir() else what_to_do(path)
        if message is not None:
            raise DataError(message)
        return path
    if arg == DEMO:
        from editor3d.datasets.demo import demo_path

        return demo_path()
    raise DataError(
        f"Expected the folder of a capture or the word {DEMO}, but there is no {arg}: "
        "check the path (relative paths start at the current folder)."
    )
