"""Notes for the user on a scene before programs run on it, one sentence each. Imports no bpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_SHOWN = 5


def notes(facts: Mapping[str, Any], *, missing: Sequence[str] = (), refused: Sequence[str] = ()) -> list[str]:
    """Sentences on what the renders leave out or do otherwise than the user's own Blender.

    Args:
        facts: what `worker_facts.facts` read.
        missing: files that the scene refers to and that are not there.
        refused: files that it refers to and that may not be read.
    """
    found = []
    if missing:
        found.append(
            f"The scene refers to files that are missing, and is rendered without them: {_listed(missing)}; put them "
            f"there, or pack them into the scene (File > External Data > Pack Resources)."
        )
    if refused:
        found.append(
            f"The scene refers to what is no ordinary file below its folder, and is rendered without it: "
            f"{_listed(refused)}; copy the files beside the scene."
        )
    saved, own = tuple(facts["saved_by"]), tuple(facts["opened_by"])
    if saved > own[:2]:
        lost = f" ({_listed(facts['unknown_nodes'])})" if facts["unknown_nodes"] else ""
        found.append(
            f"The scene was saved by Blender {_version(saved)} and is opened by {_version(own)}: what the newer one "
            f"has besides{lost} is missing in the renders and in the result; install it by `editor3d blender install "
            f"{_version(saved)}`, or use a scene saved by {_version(own[:2])}."
        )
    elif facts["unknown_nodes"]:
        found.append(
            f"The scene has nodes that Blender {_version(own)} does not know, and is rendered without them: "
            f"{_listed(facts['unknown_nodes'])}; add-ons that bring nodes are not loaded."
        )
    if facts["gpu_compositor"]:
        found.append("The scene's compositor is set to the GPU; renders here use the CPU for it.")
    if facts["still_drivers"]:
        found.append(
            f"Drivers in Python are not run, and what they drive stands still: {_listed(facts['still_drivers'])}."
        )
    if facts["scripts"]:
        found.append(f"Scripts that the scene would run when opened are not run: {_listed(facts['scripts'])}.")
    return found


def _version(numbers: Sequence[int]) -> str:
    return ".".join(map(str, numbers))


def _listed(names: Sequence[str]) -> str:
    """Some names, as far as a terminal may be shown them; they are a stranger's."""
    shown = ["".join(c if c.isprintable() else " " for c in str(name)[:200]) for name in names[:_SHOWN]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
