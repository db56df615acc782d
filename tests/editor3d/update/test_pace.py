"""Times of 2D edits, kept from run to run."""

from __future__ import annotations

import json

import pytest

from editor3d.types import EditorInfo
from editor3d.update.forecast import forecast
from editor3d.update.pace import FILE, KEPT, Pace


def test_a_time_is_there_for_the_next_run_of_the_same_editor_size_and_steps(tmp_path):
    for seconds in (9.0, 2.0, 3.0):
        Pace("ip2p:FOLDER", 20, (64, 48), tmp_path).note(seconds)
    assert Pace("ip2p:FOLDER", 20, (64, 48), tmp_path).seconds == 3.0
    for other in [("ip2p", 20, (64, 48)), ("ip2p:FOLDER", 10, (64, 48)), ("ip2p:FOLDER", 20, (48, 64))]:
        assert Pace(*other, tmp_path).seconds is None


def test_what_is_kept_is_bounded_and_follows_a_machine_that_became_faster(tmp_path):
    pace = Pace("ip2p", 20, (64, 48), tmp_path)
    for seconds in [50.0] * 40 + [1.0] * KEPT:
        pace.note(seconds)
    assert pace.seconds == 1.0
    assert [len(times) for times in json.loads((tmp_path / FILE).read_text()).values()] == [KEPT]


def test_addresses_and_folders_are_not_written_down(tmp_path):
    Pace("service:https://name:secret@example.org", 20, (64, 48), tmp_path).note(1.0)
    assert "secret" not in (tmp_path / FILE).read_text()


@pytest.mark.parametrize("content", ["", "[1]", '{"x": 3, "y": ["a"], "z": [NaN]}', "{"])
def test_a_damaged_file_is_as_good_as_none(tmp_path, content):
    (tmp_path / FILE).write_text(content)
    pace = Pace("ip2p", 20, (64, 48), tmp_path)
    assert pace.seconds is None
    pace.note(2.0)
    assert pace.seconds == 2.0


def test_an_edit_does_not_depend_on_a_place_to_keep_times(tmp_path):
    (tmp_path / "file").touch()
    pace = Pace("ip2p", 20, (64, 48), tmp_path / "file" / "below")
    pace.note(2.0)
    assert pace.seconds is None


def test_a_forecast_names_the_time_of_all_calls_where_one_is_known():
    info = EditorInfo("slow", "", "")
    assert "in about 24 s" in forecast(("a",) * 12, None, 12, 0, info, pace=2.0).sentence()
    assert "about" not in forecast(("a",) * 12, None, 12, 0, info, pace=None).sentence()
