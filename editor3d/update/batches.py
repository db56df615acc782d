"""Several views edited by one call of an editor that takes several pictures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import cast

import torch

from editor3d.types import BatchEditor
from editor3d.update.engine import DatasetUpdater, rounded
from editor3d.update.schedule import PlannedEdit

_FAULTY = torch.zeros(1, 1, 3, dtype=torch.uint8)
"""Kept on disk for a picture that did not come back well, by the negative number of the revision that it would have
been."""


def edit_together(updater: DatasetUpdater, step: int, planned: Sequence[PlannedEdit]) -> list[PlannedEdit]:
    """Edit views in one call, and train on what comes back.

    A run that is killed before all pictures are on disk repeats the call with all its requests; after that it makes
    none.

    Args:
        planned: 1 to `EditorInfo.batch` edits of one noise level and one seed, of views that may change somewhere.

    Returns:
        Those whose picture did not come back well: to be edited alone.
    """
    names = [updater.scene.views[edit.view].name for edit in planned]
    requests = [updater.described(step, edit) | {"together": names} for edit in planned]
    started = time.perf_counter()
    if not _complete(updater, names, requests):
        _call(updater, names, planned, requests)
        updater.pace.note(time.perf_counter() - started)
    updater.state.calls += 1
    seconds, left = (time.perf_counter() - started) / len(planned), []
    for edit, name, request in zip(planned, names, requests, strict=True):
        picture = updater.pictures.find(name, len(updater.state.edits) + 1, request)
        if picture is None:
            left.append(edit)
        else:
            updater.keep(step, edit, picture, seconds)
    return left


def _complete(updater: DatasetUpdater, names: Sequence[str], requests: Sequence[dict]) -> bool:
    """Whether an earlier run left on disk what became of each request."""
    number = len(updater.state.edits) + 1
    for name, request in zip(names, requests, strict=True):
        if updater.pictures.find(name, number, request) is not None:
            number += 1
        elif updater.pictures.find(name, -number, _faulty(request)) is None:
            return False
    return True


def _call(
    updater: DatasetUpdater, names: Sequence[str], planned: Sequence[PlannedEdit], requests: Sequence[dict]
) -> None:
    """Have the editor make the pictures, and write down what became of each."""
    editor, scene = cast(BatchEditor, updater.editor), updater.scene
    given = [updater.request_of(scene.views[edit.view], edit, scene.mask(edit.view)) for edit in planned]
    with updater.stopwatch.measure("edit"), torch.no_grad():
        pictures = editor.edit_many(given)
    number = len(updater.state.edits) + 1
    for name, request, picture in zip(names, requests, pictures, strict=True):
        if picture is None:
            updater.pictures.write(name, -number, _FAULTY, _faulty(request))
        else:
            updater.pictures.write(name, number, rounded(picture), request)
            number += 1


def _faulty(request: dict) -> dict:
    return request | {"faulty": True}
