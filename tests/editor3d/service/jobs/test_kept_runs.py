"""Which runs the service keeps."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from editor3d.service.jobs import owned
from editor3d.service.jobs.kept_runs import remove_old_runs


class Boom:
    """A configuration that builds one of these has run what it names."""

    def __init__(self) -> None:
        raise AssertionError("a configuration was built")


def run(folder: Path, age: int, base: Path | None = None, finished: bool = True) -> Path:
    """A run as commands leave them, all of it `age` seconds old; one that is not finished has no record."""
    (folder / "nerfstudio_models").mkdir(parents=True)
    owned.mark(folder)
    checkpoint = None if base is None else base / "nerfstudio_models" / "step-000000599.ckpt"
    config = yaml.dump({"load_checkpoint": checkpoint, "load_dir": None, "data": Path("/data")})
    (folder / "config.yml").write_text(f"!!python/object/apply:{__name__}.Boom []\n" if base is None else config)
    if checkpoint is not None and finished:
        (folder / "edit.json").write_text(json.dumps({"base": str(checkpoint)}))
    for path in (*folder.iterdir(), folder):
        os.utime(path, (2e9 - age, 2e9 - age))
    return folder


def test_the_oldest_go_and_what_kept_edits_were_made_from_stays(tmp_path):
    bases = [run(tmp_path / "bear" / "voxel" / f"base-{index}", age=100 + index) for index in range(5)]
    edits = [run(tmp_path / "bear" / "in2n" / f"{index}", age=index, base=bases[4 - index % 2]) for index in range(6)]
    unfinished = run(tmp_path / "demo" / "in2n" / "unfinished", age=50, finished=False)
    gone = remove_old_runs(tmp_path, runs=4, bases=2)
    assert set(gone) == {edits[4], edits[5], unfinished, bases[2]}
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in (*edits[:4], *bases[:2], *bases[3:]))
    assert remove_old_runs(tmp_path, runs=4, bases=2) == []


def test_what_an_unfinished_edit_goes_on_from_stays(tmp_path):
    """It has no record yet: its configuration names the base, which is read without building what it describes."""
    bases = [run(tmp_path / f"base-{index}", age=index) for index in range(3)]
    run(tmp_path / "in2n", age=0, base=bases[2], finished=False)
    assert remove_old_runs(tmp_path, bases=1) == [bases[1]]


@pytest.mark.parametrize("text", ["{", "[]", "load_checkpoint: {}", "load_checkpoint: []", "load_checkpoint: null"])
def test_a_configuration_that_names_no_base_keeps_none(tmp_path, text):
    base, edit = run(tmp_path / "base-0", age=9), run(tmp_path / "edit", age=0)
    (edit / "config.yml").write_text(text)
    assert remove_old_runs(tmp_path, bases=0) == [base]


def test_what_is_no_run_stays(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "edit.json").write_text("{}")
    assert remove_old_runs(tmp_path, runs=0, bases=0) == []
    assert remove_old_runs(tmp_path / "nowhere") == []
    assert (tmp_path / "notes" / "edit.json").is_file()


def test_a_damaged_record_names_no_base(tmp_path):
    base = run(tmp_path / "base-0", age=9)
    edit = run(tmp_path / "edit", age=0)
    for text in ("{", "[]", '{"base": 3}', '{"base": ""}', "[" * 100_000):
        (edit / "edit.json").write_text(text)
        assert remove_old_runs(tmp_path, bases=1) == []
    assert remove_old_runs(tmp_path, bases=0) == [base]


def test_a_job_that_fails_at_old_runs_takes_none_for_its_own(serve, monkeypatch):
    from .test_service_jobs import finished

    def fail(folder):
        raise OSError(5, "Input/output error", str(folder))

    monkeypatch.setattr("editor3d.service.jobs.queue.remove_old_runs", fail)
    call = serve()
    mine = run(call.service.jobs.folder / "runs" / "mine", age=1)
    (mine / owned.MARKER).unlink()
    answer = call.job(kind="scene", inputs={"scene": call.upload("scene.ply", b"ply")})
    assert finished(call, answer.body["id"])["state"] == "failed"
    assert not owned.is_owned(mine)


def test_a_job_begins_with_old_runs_gone_and_its_own_stays(serve):
    from editor3d.service.jobs.kept_runs import KEPT_RUNS

    from .test_service_jobs import finished

    call = serve(
        """
import pathlib, sys
if "edit" in sys.argv:
    folder = pathlib.Path(sys.argv[sys.argv.index("--output") + 1]) / "own"
    folder.mkdir(parents=True)
    (folder / "config.yml").write_text("")
"""
    )
    runs = call.service.jobs.folder / "runs"
    old = [run(runs / f"old-{index}", age=1000 + index) for index in range(KEPT_RUNS + 2)]
    scene = {"scene": call.upload("scene.ply", b"ply")}
    answer = call.job(kind="scene", inputs=scene)
    assert answer.status == 200, answer.body
    finished(call, answer.body["id"])
    assert [path.exists() for path in old] == [True] * KEPT_RUNS + [False] * 2
    assert owned.is_owned(runs / "own")
