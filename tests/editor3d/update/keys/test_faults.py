"""Bad edits among those of the keys: they are found, repeated while edits are left, and spoil nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lab.editors.faulty import FaultyEditor, planted_fault

from .painted_room import Batched, Room, warm


@pytest.fixture(scope="module")
def room() -> Room:
    return Room()


class Warm(Batched):
    """One picture a call."""

    def __init__(self) -> None:
        super().__init__(keeps_shape=True)
        self.info = replace(self.info, batch=1)


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_faults_are_found_and_the_result_is_that_of_good_edits(room, tmp_path, seed):
    updater = room.updater(tmp_path, FaultyEditor(Warm()), edits=7)
    updater.state.generator.manual_seed(seed)
    updater.before_step(0)
    for key in updater.key_state.accepted:
        edit = updater.state.edits[key.revision - 1]
        fault = planted_fault(edit.view, edit.seed)
        assert bool(key.wrong) == (key.trust < 1.0)
        if fault != "blur":  # what is smooth looks the same blurred
            assert bool(key.wrong) == bool(fault), fault
    assert len(updater.state.edits) <= 7
    for index, picture in room.live.items():
        error = (picture.float() / 255 - warm(room.pictures[index])).abs()[room.surfaces[index].valid].mean()
        assert error < 0.03


def test_an_edit_that_is_repeated_takes_the_place_of_the_last_key(room, tmp_path):
    class Once(Warm):
        """Does nothing to the second picture of its first edit."""

        def edit(self, request):
            edited = super().edit(request)
            return request.condition if len(self.calls) == 2 else edited

    editor = Once()
    editor.info = replace(editor.info, varies_with_seed=True)
    updater = room.updater(tmp_path, editor, edits=6)
    updater.before_step(0)
    order = [room.views[view].name for view in updater.keys.order]
    assert [view for (view,) in editor.calls] == [*order[:5], order[1]]
    assert not any(key.wrong for key in updater.key_state.accepted)
    assert updater.state.revisions[order[1]] == 6


def test_an_anchor_that_was_not_changed_is_edited_again_before_others_are(room, tmp_path):
    class Idle(Warm):
        def edit(self, request):
            edited = super().edit(request)
            return request.condition if len(self.calls) == 1 else edited

    editor = Idle()
    editor.info = replace(editor.info, varies_with_seed=True)
    room.updater(tmp_path, editor, edits=6).before_step(0)
    assert editor.calls[0] == editor.calls[1] != editor.calls[2]
    assert len(editor.calls) == 6


def test_editors_that_only_say_the_same_again_are_not_asked_again(room, tmp_path):
    editor = Warm()
    editor.edit = lambda request: (
        editor.calls.append((request.view,))
        or (request.condition if len(editor.calls) == 2 else warm(request.condition))
    )
    updater = room.updater(tmp_path, editor, edits=6)
    updater.before_step(0)
    assert len(editor.calls) == 6 == updater.forecast().calls
    assert [bool(key.wrong) for key in updater.key_state.accepted] == [False, True, False, False, False, False]
    assert torch.isfinite(room.live[updater.keys.order[1]].float()).all()
