"""What an instruction is to an editor, asked before and while views are edited: allowed, of what, and where."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from typing import cast

from editor3d.audit.policy import require_allowed
from editor3d.errors import DataError, InstructionError
from editor3d.run import events
from editor3d.types import Editor, ObjectEditor, SurfaceEditor, View, ViewEditor


def check_instruction(
    editor: Editor, instruction: str, objects: Collection[str], views: Sequence[View], few: bool = False
) -> None:
    """Refuse an instruction that cannot be carried out on every one of `views`.

    Args:
        objects: names of the objects that the data has masks of.
        views: the views that will be edited.
        few: a few of them will be, out of those that the editor can edit.

    Raises:
        InstructionError, EditorUnavailableError: as `Editor.validate`; or the policy of this machine forbids it.
        DataError: it is about a named object, and a view has no label picture.
    """
    require_allowed(instruction)
    views = [views[index] for index in editable_views(editor, views)] if few else views
    names = [view.name for view in views]
    editor.validate(instruction, objects, names)
    unlabelled = [view.name for view in views if view.labels_path is None]
    if not objects or not unlabelled:
        return
    try:
        editor.validate(instruction, (), names)
    except InstructionError as error:
        raise DataError(
            f"Expected a label picture for every training view, as the instruction is about a named object, found none "
            f"for {unlabelled[0]} ({len(unlabelled)} of {len(names)} lack one): add them, or edit the whole picture."
        ) from error


def edited_objects(editor: Editor, instruction: str, objects: Collection[str]) -> tuple[str, ...]:
    """The objects that an instruction is about, as far as the editor can tell; none where it changes the whole picture.

    Args:
        instruction: one that `check_instruction` takes.
        objects: names of the objects that the data has masks of.
    """
    if not editor.info.tells_objects or not objects:
        return ()
    return cast(ObjectEditor, editor).edited_objects(instruction, objects)


def editable_views(editor: Editor, views: Sequence[View]) -> list[int]:
    """The indices of the views that an editor can edit, at least one.

    Raises:
        EditorUnavailableError: as `ViewEditor.editable_views`.
    """
    if not editor.info.tells_views:
        return list(range(len(views)))
    held = set(cast(ViewEditor, editor).editable_views([view.name for view in views]))
    return [index for index, view in enumerate(views) if view.name in held]


def uses_geometry(editor: Editor, instruction: str, objects: Collection[str]) -> bool:
    """Whether an editor is to get the geometry of each view for an instruction.

    Args:
        instruction: one that `check_instruction` takes.
        objects: names of the objects that the data has masks of.
    """
    info = editor.info
    if not info.uses_geometry:
        return info.needs_geometry
    return info.needs_geometry or cast(SurfaceEditor, editor).follows_surface(instruction, objects)


def warn_of_flatness(instruction: str) -> None:
    """Say that an edit that would follow the surface changes pictures alone."""
    sentence = (
        f"'{instruction}' follows the surface where its geometry is known, which is not the case here: the colours of "
        f"each picture are changed by themselves."
    )
    print(sentence, file=sys.stderr)
    events.emit(events.Warning(sentence=sentence))
