"""What an assistant may look at: photographs of a capture, and pictures of an edit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from editor3d.errors import ConfigError, shown
from editor3d.service.assistants.scenes import OpenScene

MOST_PICTURES = 4
"""Shown at once."""


def describe(source: str, draft: bool) -> dict[str, Any]:
    """What a scene holds, as JSON values.

    Args:
        source: as `editor3d edit` takes it.
        draft: its pictures are to be read at half their size.

    Raises:
        Editor3DError: there is no such scene, or it cannot be read.
    """
    from editor3d.api import load
    from editor3d.datasets.opening import describe as capture_in_words

    scene = load(source, draft=draft)
    if scene.is_file:
        return {"kind": "splats"}
    posed = scene.posed_images
    return {
        "kind": "capture" if scene.base is None else "run",
        "holds": capture_in_words(posed),
        "objects": sorted(posed.objects),
        "training_views": sorted(view.name for view in posed.train_views),
        "held_out_views": sorted(view.name for view in posed.test_views),
    }


def photographs(scene: OpenScene, names: Sequence[str]) -> list[tuple[str, Path]]:
    """Photographs of a capture by the names of their views, or some that are spread over it.

    Raises:
        ConfigError: a view is unknown, or the scene has no photographs.
    """
    from editor3d.api import load

    opened = load(scene.source)
    if opened.is_file:
        raise ConfigError(f"Expected a scene with photographs, but {scene.name} is a file of splats: edit it first.")
    views = {view.name: view for view in sorted(opened.posed_images.views, key=lambda view: view.name)}
    if not names:
        known = list(views)
        names = [known[(2 * k + 1) * len(known) // 8] for k in range(min(MOST_PICTURES, len(known)))]
    return [(name, views[_known(name, list(views))].image_path) for name in names[:MOST_PICTURES]]


def of_edit(scene: OpenScene, what: str, names: Sequence[str]) -> list[tuple[str, Path]]:
    """Pictures of the newest edit: the sheet before and after, its 2D edits, or renders of the views that are shown.

    Raises:
        ConfigError: nothing was edited yet, or a view is unknown.
    """
    run = scene.run
    if what == "before_after":
        return [("before and after", run / "before_after.png")]
    folder = run / {"edited_views": "edited", "scene": "after"}[what]
    found = {path.stem: path for path in sorted(folder.glob("[!.]*.png"))}
    if not found:
        raise ConfigError(f"Expected pictures in {folder}, found none: look at before_after.")
    chosen = [_known(name, list(found)) for name in names] or list(found)
    return [(name, found[name]) for name in chosen[:MOST_PICTURES]]


def _known(name: str, names: Sequence[str]) -> str:
    if name not in names:
        raise ConfigError(f"There is no view {shown(name)}; there are {', '.join(names[:8])}, …")
    return name
