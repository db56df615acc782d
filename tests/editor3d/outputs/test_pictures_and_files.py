from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from editor3d.errors import Editor3DError
from editor3d.files.writing import jsonable, replacing, sweep, visible_below, write_json
from editor3d.outputs.pictures import CELL_HEIGHT, MAX_WIDTH, Row, save_png, save_side_by_side, side_by_side, to_uint8


def test_png_holds_the_picture(tmp_path):
    picture = torch.rand(7, 9, 3, generator=torch.Generator().manual_seed(0))
    save_png(tmp_path / "new" / "a.png", picture)
    read = np.asarray(Image.open(tmp_path / "new" / "a.png"))
    assert np.abs(read / 255 - picture.numpy()).max() <= 0.5 / 255 + 1e-6
    assert os.listdir(tmp_path / "new") == ["a.png"]


def test_bytes_survive_and_values_out_of_range_are_clamped():
    every = torch.arange(256, dtype=torch.uint8).reshape(16, 16, 1).expand(16, 16, 3)
    assert np.array_equal(to_uint8(every), every.numpy())
    assert np.array_equal(to_uint8(every.float() / 255), every.numpy())
    assert to_uint8(torch.tensor([[[-1.0, 0.5, 7.0]]])).tolist() == [[[0, 128, 255]]]


def test_sheet_shows_every_picture_in_its_cell():
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]
    pictures = [np.full((CELL_HEIGHT, CELL_HEIGHT, 3), c, np.uint8) for c in colors]
    sheet = np.asarray(side_by_side([Row("original", pictures[:2]), Row("edited", pictures[2:])], title="make it gold"))
    boxes = []
    for color in colors:
        ys, xs = np.nonzero((sheet == color).all(-1))
        assert len(ys) == CELL_HEIGHT**2
        boxes.append((ys.min(), xs.min()))
    assert boxes[0][0] == boxes[1][0] < boxes[2][0] == boxes[3][0]
    assert boxes[0][1] == boxes[2][1] < boxes[1][1] == boxes[3][1]


def test_sheet_takes_mixed_sizes_many_pictures_and_any_writing():
    pictures = [np.zeros((h, w, 3), np.uint8) for h, w in ((512, 300), (9, 16), (1080, 1920), (64, 64), (700, 2000))]
    sheet = side_by_side(
        [Row("Vorher: größe", pictures), Row("после", pictures[:2])],
        title="a sentence that is longer than one line of this sheet can hold " * 6,
        columns=["a very long name of a view indeed"] * 5,
    )
    assert sheet.width <= MAX_WIDTH + 5
    assert side_by_side([Row("one", [pictures[0]])], title="make the teapot look like gold").height > CELL_HEIGHT


def test_wrapped_title_makes_the_sheet_taller():
    picture = [np.zeros((64, 64, 3), np.uint8)]
    short, long = side_by_side([Row("", picture)], title="gold"), side_by_side([Row("", picture)], title="gold " * 40)
    assert long.height > short.height + 20


def test_failed_write_leaves_the_earlier_file_and_no_litter(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"kept": 1})

    def fail_half_way():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert json.loads(path.read_text()) == {"kept": 1}
    assert os.listdir(tmp_path) == ["a.json"]


def test_unwritable_folder_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Editor3DError, match=r"^Could not write .*file/a\.png \(.*\): free some space .*\.$"):
        save_png(tmp_path / "file" / "a.png", np.zeros((4, 4, 3), np.uint8))


FULL_DISK = """
import resource, signal, sys
import numpy as np
from editor3d.errors import Editor3DError
from editor3d.files.writing import write_json
from editor3d.outputs.pictures import save_png
from editor3d.outputs.video import write_mp4
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
writers = {"png": lambda p: save_png(p, noise), "json": lambda p: write_json(p, ["x" * 9000]),
           "mp4": lambda p: write_mp4(p, [noise] * 8)}
try:
    writers[sys.argv[1]](sys.argv[2])
except Editor3DError as error:
    print(error)
    sys.exit(2)
"""


@pytest.mark.parametrize("kind", ["png", "json", "mp4"])
def test_full_disk_is_one_sentence_and_the_earlier_file_is_intact(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    path.write_bytes(b"earlier")
    done = subprocess.run([sys.executable, "-c", FULL_DISK, kind, str(path)], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert len(done.stdout.strip().splitlines()) == 1
    assert str(path) in done.stdout
    assert path.read_bytes() == b"earlier"
    assert os.listdir(tmp_path) == [path.name]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values)
def test_json_values_are_themselves(value):
    assert jsonable(value) == value
    assert json.loads(json.dumps(jsonable(value), allow_nan=False)) == value


def test_json_has_no_nan_or_infinity_and_refuses_strangers():
    assert jsonable({"a": math.nan, "b": (math.inf, -math.inf), 3: Path("x/y")}) == {
        "a": None,
        "b": ["inf", "-inf"],
        "3": "x/y",
    }
    with pytest.raises(TypeError, match="Tensor"):
        jsonable(torch.zeros(1))


def test_sheet_file_equals_the_sheet(tmp_path):
    rows = [Row("a", [np.full((20, 30, 3), 128, np.uint8)])]
    save_side_by_side(tmp_path / "s.png", rows, title="t", columns=["v"])
    assert np.array_equal(
        np.asarray(Image.open(tmp_path / "s.png")), np.asarray(side_by_side(rows, title="t", columns=["v"]))
    )


def test_hidden_files_are_nobody_s_results(tmp_path):
    for name in ("b.png", "a/c.png", ".b.7.tmp.png", ".thumbnails/b.png", "a/.c.png", "a/d.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert visible_below(tmp_path) == [tmp_path / "a" / "c.png", tmp_path / "b.png"]
    assert visible_below(tmp_path, "*.txt") == [tmp_path / "a" / "d.txt"]
    assert visible_below(tmp_path / "nowhere") == []


def test_a_hidden_folder_above_does_not_hide_what_lies_in_it(tmp_path):
    (tmp_path / ".runs").mkdir()
    (tmp_path / ".runs" / "a.png").touch()
    assert visible_below(tmp_path / ".runs") == [tmp_path / ".runs" / "a.png"]


def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path):
    code = f"""
import os
from editor3d.files.writing import replacing
for name in ("a.png", "deep/b.c.json", "nothing"):
    with replacing("{tmp_path}/" + name) as path:
        path.write_text("half")
        if name == "nothing":
            os.kill(os.getpid(), 9)
        held = path.name
        os.link(path, path.with_name(path.name.replace(name.split("/")[-1][0], "x", 1)))
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    (tmp_path / ".notes.tmp.txt").touch()
    (tmp_path / ".mine.png").touch()
    (tmp_path / "a.12.tmp.png").touch()
    with replacing(tmp_path / "c.png") as path:  # this process's own: still being written
        path.touch()
        gone = sweep(tmp_path)
        assert path.exists()
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert left == [".mine.png", ".notes.tmp.txt", "a.12.tmp.png", "a.png", "c.png", "deep/b.c.json"]
    assert len(gone) == 3


def test_a_number_that_another_process_has_now_keeps_no_file(tmp_path):
    path = tmp_path / f".a.{os.getpid()}.tmp.png"
    path.touch()
    os.utime(path, (1000.0, 1000.0))  # long before this process began
    assert sweep(tmp_path) == [path]


def test_private_files_are_this_user_s_alone(tmp_path):
    before = os.umask(0)
    try:
        with replacing(tmp_path / "a.png", private=True) as path:
            path.write_bytes(b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "a.png").stat().st_mode & 0o777 == 0o600
