"""Edit captured 3D scenes with one written instruction.

    import editor3d

    scene = editor3d.load("captures/bear")              # nerfstudio, COLMAP, NeRF-synthetic, or "demo"
    edit = scene.edit("make it look like winter")       # reconstructs the scene once, then edits it
    edit.before_after, edit.turntable, edit.record      # what it leaves behind
    edit.evaluate()                                     # judged by views it never saw
    edit.scene().edit("make it brighter")               # the next edit starts from this one
    editor3d.resume(edit.folder)                        # after Ctrl-C
    editor3d.change_splats("statue.ply", "box:0,0,1,1,1,1", "without.ply", delete=True)     # no instruction

Importing this module imports neither torch nor nerfstudio, and changes no variable of the environment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from editor3d.api import Edit, Scene, change_splats, load, resume
    from editor3d.changes.edits import edit_at_strength, edits_of, restack
    from editor3d.changes.splats import clean_splats, grade_splats, move_splats
    from editor3d.errors import Editor3DError
    from editor3d.types import Cleaning, Grading

__all__ = [
    "Cleaning",
    "Edit",
    "Editor3DError",
    "Grading",
    "Scene",
    "change_splats",
    "clean_splats",
    "edit_at_strength",
    "edits_of",
    "grade_splats",
    "load",
    "move_splats",
    "restack",
    "resume",
]


def __getattr__(name: str) -> object:
    """The public names, imported when one is first used: a command's help needs none of them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from editor3d import api, errors, types
    from editor3d.changes import edits, splats

    found = {**vars(errors), **vars(types), **vars(edits), **vars(splats), **vars(api)}
    globals().update({one: found[one] for one in __all__})
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
