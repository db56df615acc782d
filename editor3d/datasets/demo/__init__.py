"""The demo scene: a table with a teapot, mug, ball, books, vase and duck, rendered from 48 sides, and true edits of it.

The pictures are shipped in `data/`, in nerfstudio's format; `make` renders them anew.
"""

from __future__ import annotations

from pathlib import Path

from editor3d.errors import ConfigError

TRUE_EDITS: tuple[str, ...] = ("remove", "enlarge", "hat")
"""Names of the edits of which the truth is shipped."""


def demo_path() -> Path:
    """The folder of the demo scene; it holds `transforms.json`."""
    return Path(__file__).parent / "data"


def true_edit_path(name: str) -> Path:
    """The folder of one true edit.

    It holds `images/` (every view, as the base's file names), `depth/` and `labels/` (held-out views) and `edit.json`.

    Raises:
        ConfigError: `name` is not one of `TRUE_EDITS`.
    """
    if name not in TRUE_EDITS:
        raise ConfigError(f"Expected a true edit's name, one of {', '.join(TRUE_EDITS)}, but got {name!r}.")
    return demo_path() / "edits" / name
