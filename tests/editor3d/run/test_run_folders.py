from __future__ import annotations

import threading

import pytest

from editor3d.errors import Editor3DError
from editor3d.run.folders import alone, new_run_folder, remove_empty


def test_runs_begun_in_one_second_have_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr("time.strftime", lambda _: "2025-01-01_000000")
    parent = tmp_path / "demo" / "in2n"
    assert [new_run_folder(parent).name for _ in range(3)] == [f"2025-01-01_000000{n}" for n in ("", "-2", "-3")]
    (parent / "file").touch()
    with pytest.raises(Editor3DError, match="choose another folder"):
        new_run_folder(parent / "file")


def test_what_holds_something_is_not_removed(tmp_path):
    run, other = (new_run_folder(tmp_path / "demo" / method) for method in ("in2n", "vox-e"))
    (other / "edit.json").touch()
    remove_empty(run)
    remove_empty(other)
    assert [path.name for path in (tmp_path / "demo").rglob("*")] == ["vox-e", other.name, "edit.json"]


def test_of_two_who_work_on_a_run_one_waits(tmp_path, capsys):
    entered = threading.Event()

    def enter() -> None:
        with alone(tmp_path / "run"):
            entered.set()

    other = threading.Thread(target=enter, daemon=True)
    with alone(tmp_path / "another"), alone(tmp_path / "run"):
        other.start()
        assert not entered.wait(0.5)
    assert entered.wait(10)
    assert "Waiting for another process" in capsys.readouterr().out
