"""Keys that are edited several in one call: how many calls, what they cost, and what survives being killed."""

from __future__ import annotations

from contextlib import suppress

import pytest
import torch

from editor3d.run import events

from .painted_room import Batched, Room, warm


@pytest.fixture(scope="module")
def room() -> Room:
    return Room()


class Killed(Exception):
    pass


def test_the_anchor_is_edited_alone_and_the_others_together(room, tmp_path):
    editor = Batched(references=2)
    updater = room.updater(tmp_path, editor, edits=6)
    told = updater.forecast()
    updater.before_step(0)
    names = [room.views[view].name for view in updater.keys.order]
    assert editor.calls == [(names[0],), tuple(names[1:4]), tuple(names[4:])]
    assert (told.edits, told.calls, told.cost) == (6, 3, 0.75)
    assert "in 3 calls, for about $0.75 (at most $1.50)" in told.sentence()
    first = editor.requests[1]
    for request in editor.requests[1:4]:
        assert (request.seed, request.noise_level) == (first.seed, first.noise_level)
        assert torch.equal(request.references[0].picture, first.references[0].picture)
    assert [key.view for key in updater.key_state.accepted] == list(updater.keys.order)


def test_all_views_look_as_the_calls_made_them(room, tmp_path):
    room.updater(tmp_path, Batched(keeps_shape=True), edits=6).before_step(0)
    for index, picture in room.live.items():
        error = (picture.float() / 255 - warm(room.pictures[index])).abs()[room.surfaces[index].valid].mean()
        assert error < 0.02


@pytest.mark.parametrize("failing", [0, 1, 3])
def test_what_does_not_come_back_well_is_edited_alone_and_every_call_is_counted(room, tmp_path, failing):
    editor = Batched()
    updater = room.updater(tmp_path, editor, edits=6)
    editor.fail = {room.views[view].name for view in updater.keys.order[1 : 1 + failing]}
    with events.writing(str(tmp_path / "events")):
        updater.before_step(0)
    written = (tmp_path / "events").read_bytes().splitlines(keepends=True)
    paid = sum(event.cost for event in events.read(written) if isinstance(event, events.Edit2D))
    assert len(editor.calls) == 3 + failing == updater.noted()["keys"]["calls"]
    assert paid == pytest.approx(0.25 * len(editor.calls))
    assert len(updater.state.edits) == len(updater.key_state.accepted) == 6


def test_there_are_never_more_calls_than_edits(room, tmp_path):
    editor = Batched()
    editor.fail = {view.name for view in room.views}
    updater = room.updater(tmp_path, editor, edits=6)
    updater.before_step(0)
    assert len(editor.calls) == 6  # the anchor, two calls of which nothing came back, three single ones
    assert len(updater.key_state.accepted) == 4


def test_a_run_that_is_killed_pays_for_nothing_twice(room, tmp_path, monkeypatch):
    """Between two calls. Between a call and its last picture the same call is repeated, which a service's cache
    answers."""
    whole, fail = Batched(), {room.views[3].name, room.views[6].name}
    whole.fail = fail
    updater = room.updater(tmp_path / "whole", whole)
    updater.before_step(0)
    expected, state = room.live, updater.state_dict()
    writes = len(list((tmp_path / "whole/edit_state").iterdir()))
    for place in range(1, writes + 1):
        editor, folder = Batched(), tmp_path / str(place)
        editor.fail = fail
        store = room.updater(folder, editor).pictures.__class__
        written, left = store.write, place

        def write(self, *args, written=written):
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            written(self, *args)

        with monkeypatch.context() as patch:
            patch.setattr(store, "write", write)
            with suppress(Killed):
                room.updater(folder, editor).before_step(0)
        again = room.updater(folder, editor)
        again.before_step(0)
        assert list(dict.fromkeys(editor.calls)) == whole.calls  # the same calls, in the same order
        assert len(editor.calls) <= len(whole.calls) + 1
        assert again.state_dict()["keys"] == state["keys"]
        assert all(torch.equal(picture, expected[index]) for index, picture in room.live.items())
