"""A job's pictures and files: found while others write and remove, and given whole and small."""

from __future__ import annotations

import io
import shutil
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from editor3d.errors import Editor3DError
from editor3d.run import events
from editor3d.service.jobs.pictures import files_below, small_picture
from editor3d.service.jobs.watched import Watched


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


def line(event: events.Event) -> bytes:
    return events.msgspec.json.encode(event) + b"\n"


def test_the_newest_picture_that_is_still_there_is_found(tmp_path):
    job, runs = tmp_path / "job", tmp_path / "runs"
    job.mkdir()
    (runs / "own").mkdir(parents=True)
    told = Watched(job / "events.jsonl", (job, runs))
    assert told.picture is None
    pictures = [runs / "own" / f"{number}.png" for number in range(3)]
    for number, picture in enumerate(pictures, start=1):
        picture.write_bytes(b"png")
        with told.path.open("ab") as file:
            file.write(line(events.Picture(path=str(picture))))
        assert told.picture == (picture, number)
    pictures[2].unlink()
    assert told.picture == (pictures[1], 2)
    told.show(pictures[0])
    assert told.picture == (pictures[0], 4)


@settings(deadline=None)
@given(st.lists(st.integers(1, 40), max_size=30))
def test_events_are_read_once_however_they_come(tmp_path_factory, pieces):
    """In pieces that end within a line, too."""
    folder = tmp_path_factory.mktemp("job")
    told = Watched(folder / "events.jsonl", (folder,))
    written = [events.Progress(what="fit", done=done, total=9, unit="steps") for done in range(10)]
    text = b"".join(map(line, written))
    with told.path.open("ab", buffering=0) as file:
        for piece in [*pieces, len(text)]:
            file.write(text[:piece])
            text = text[piece:]
            seen = told.progress
            complete = told.path.read_bytes().count(b"\n")
            assert seen == (written[complete - 1] if complete else None)


def opened(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.format == "PPM"
        return np.asarray(picture)


@pytest.mark.parametrize("size", [(300, 100), (100, 300), (64, 64), (65, 1), (20, 10)])
def test_a_small_picture_is_no_larger_than_asked_and_keeps_its_shape(tmp_path, size):
    picture = Image.radial_gradient("L").resize(size).convert("RGBA")
    picture.save(tmp_path / "picture.png")
    small = opened(small_picture(tmp_path / "picture.png", 64))
    factor = min(1.0, 64 / max(size))
    assert small.shape == (max(1, round(factor * size[1])), max(1, round(factor * size[0])), 3)
    if factor == 1.0:
        assert np.array_equal(small, np.asarray(picture.convert("RGB")))


def test_what_is_no_picture_is_told_in_a_sentence(tmp_path):
    Image.new("RGB", (100, 100), "red").save(tmp_path / "whole.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "whole.png").read_bytes()[:-40])
    (tmp_path / "text.png").write_bytes(b"text")
    Image.new("RGB", (9, 9)).save(tmp_path / "other.gif")
    for name in ("half.png", "text.png", "other.gif", "none.png"):
        with pytest.raises(Editor3DError, match=f"{name} cannot be read"):
            small_picture(tmp_path / name, 64)


PICTURES = """
import pathlib, sys
from PIL import Image
folder = pathlib.Path(sys.argv[sys.argv.index("--output") + 1])
(folder / "after").mkdir(parents=True)
Image.linear_gradient("L").resize((400, 200)).save(folder / "after" / "view.png")
(folder / "notes.json").write_text("{}")
(folder / "before_after.png").write_bytes((folder / "after" / "view.png").read_bytes())
tell("picture", path=str(folder / "before_after.png"))
"""


def test_the_service_gives_pictures_whole_and_small(serve):
    call = serve(PICTURES)
    job = call.job(kind="picture-preview", inputs={"picture": call.upload("view.png", b"png")}).body["id"]
    end = time.monotonic() + 20
    while (state := call("GET", f"/v1/jobs/{job}").body["state"]) not in ("done", "failed"):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert state == "done"
    for path in (f"/v1/jobs/{job}/picture", f"/v1/jobs/{job}/files/after/view.png"):
        whole = call("GET", path)
        with Image.open(io.BytesIO(whole.body)) as picture:
            assert (picture.format, picture.size) == ("PNG", (400, 200))
        for side in (1, 50, 1024):
            small = call("GET", f"{path}?side={side}")
            assert small.status == 200
            assert max(opened(small.body).shape[:2]) == min(side, 400)
        for side in ("", "0", "-1", "1025", "x", "1.5", "9" * 50, "%D9%A1"):
            assert call("GET", f"{path}?side={side}").status == 400
    answer = call("GET", f"/v1/jobs/{job}/files/notes.json?side=50")
    assert answer.status == 400
    assert "notes.json cannot be read" in answer.body["error"]
    assert call("GET", f"/v1/jobs/{job}/files/..%2Flog.txt?side=50").status == 404
