"""Search for better Blender programs: proposers, evaluators, sandbox, render workers.

from editor3d.programs import RefineRequest, refine
refine(RefineRequest(Path("scene.blend"), Path("program.py"), "make it night"), "outputs/night")
"""

from __future__ import annotations

from typing import Any

__all__ = ["Budget", "RefineRequest", "Refinement", "refine"]


def __getattr__(name: str) -> Any:
    """What is imported when it is first used: workers of this package start without it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from editor3d.programs import refinement

    return getattr(refinement, name)
