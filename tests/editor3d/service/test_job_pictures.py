"""Looking for a job's pictures and files while others write and remove."""

from __future__ import annotations

import shutil
import time

from editor3d.service.commands import Places
from editor3d.service.pictures import files_below, job_picture


def test_folders_that_go_while_they_are_searched_are_passed_over(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "file").write_text(name)
    (tmp_path / "file").write_text("top")
    search = files_below(tmp_path)
    assert next(search) == tmp_path / "file"  # its folders are known by now
    shutil.rmtree(tmp_path / "b")
    assert sorted(search) == [tmp_path / "a/deep/file", tmp_path / "c/deep/file"]


def test_nothing_lies_below_a_folder_that_is_not_there(tmp_path):
    assert list(files_below(tmp_path / "nowhere")) == []


def test_the_newest_picture_of_the_job_is_found_at_any_depth(tmp_path):
    places = Places(tmp_path / "job", tmp_path / "runs")
    now = time.time()
    assert job_picture(places, since=now) is None
    picture = tmp_path / "runs/bear/in2n/0/edit_state/0001.png"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"png")
    (picture.parent.parent / "other.png").write_bytes(b"png")  # no picture that shows how the job stands
    path, revision = job_picture(places, since=now)
    assert path == picture
    assert revision == picture.stat().st_mtime_ns
    assert job_picture(places, since=now + 60) is None  # made before the job began
    assert job_picture(places, since=None) is None
