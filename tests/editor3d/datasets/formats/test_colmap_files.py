"""The files of a COLMAP model, as bytes and lines: read as COLMAP means them, and no further than they go."""

from __future__ import annotations

import os
import random
import struct
from pathlib import Path

import numpy as np
import pytest

from editor3d.datasets.formats.colmap_files import read_cameras, read_images, read_points
from editor3d.errors import DataError

CAMERAS = struct.pack("<QIiQQ4d", 1, 7, 1, 40, 30, 52.0, 50.0, 21.0, 14.0)
IMAGE = struct.pack("<I7dI", 3, 1.0, 0.0, 0.0, 0.0, 0.5, -0.25, 2.0, 7)
IMAGES = struct.pack("<Q", 2) + b"".join(
    IMAGE + name + b"\0" + struct.pack("<Q", 1) + struct.pack("<ddq", 1.5, 2.5, -1) for name in (b"a b.png", b"c.png")
)
POINTS = struct.pack("<Q", 2) + b"".join(
    struct.pack("<Q3d3BdQ", 4 + i, i, 2.0, 3.0, i, 20, 30, 0.5, 2) + struct.pack("<4i", 1, 2, 3, 4) for i in range(2)
)
READERS = {"cameras": (read_cameras, CAMERAS), "images": (read_images, IMAGES), "points3D": (read_points, POINTS)}
TEXTS = {
    "cameras": b"# list\n7 PINHOLE 40 30 52 50 21 14\n",
    "images": b"# list\n3 1 0 0 0 0.5 -0.25 2 7 a b.png\n1.5 2.5 -1\n3 1 0 0 0 0.5 -0.25 2 7 c.png\n\n",
    "points3D": b"4 0 2 3 0 20 30 0.5 1 2 3 4\n5 1 2 3 1 20 30 0.5 1 2 3 4\n",
}


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", ["bin", "txt"])
def test_both_kinds_say_the_same(tmp_path: Path, kind: str) -> None:
    paths = {
        part: put(tmp_path, f"{part}.{kind}", READERS[part][1] if kind == "bin" else TEXTS[part]) for part in READERS
    }
    camera = read_cameras(paths["cameras"])[7]
    assert (camera.model, camera.width, camera.height) == ("PINHOLE", 40, 30)
    assert camera.parameters == (52.0, 50.0, 21.0, 14.0)
    images = read_images(paths["images"])
    assert [image.name for image in images] == ["a b.png", "c.png"]
    assert images[0].quaternion == (1, 0, 0, 0)
    assert images[0].translation == (0.5, -0.25, 2.0)
    assert images[0].camera_id == 7
    places, colors = read_points(paths["points3D"])
    np.testing.assert_array_equal(places, [[0, 2, 3], [1, 2, 3]])
    np.testing.assert_array_equal(colors, [[0, 20, 30], [1, 20, 30]])
    assert places.dtype == np.float64


@pytest.mark.parametrize("part", READERS)
@pytest.mark.parametrize("count", [3, 2**32, 2**60, 2**64 - 1])
def test_a_length_beyond_the_file_is_refused_before_memory_is_asked_for(tmp_path: Path, part: str, count: int) -> None:
    read, content = READERS[part]
    path = put(tmp_path, f"{part}.bin", struct.pack("<Q", count) + content[8:])
    with pytest.raises(DataError, match=f"{part}.bin cannot be read .*(announces|ends after)"):
        read(path)


@pytest.mark.parametrize("at", [len(IMAGE) + 8 + 8, len(IMAGES) - 24 - 8])
def test_lengths_within_are_held_against_the_size_too(tmp_path: Path, at: int) -> None:
    content = bytearray(IMAGES)
    content[at : at + 8] = struct.pack("<Q", 2**61)
    with pytest.raises(DataError, match="images.bin cannot be read"):
        read_images(put(tmp_path, "images.bin", bytes(content)))


@pytest.mark.parametrize("part", READERS)
def test_every_shorter_file_is_refused(tmp_path: Path, part: str) -> None:
    read, content = READERS[part]
    for length in range(len(content)):
        with pytest.raises(DataError, match=f"{part}.bin cannot be read"):
            read(put(tmp_path, f"{part}.bin", content[:length]))


@pytest.mark.parametrize("part", READERS)
def test_damage_ends_in_a_sentence_or_in_a_model(tmp_path: Path, part: str) -> None:
    read, binary = READERS[part]
    rng, said = random.Random(part), []
    for content, kind in ((binary, "bin"), (TEXTS[part], "txt")):
        for _ in range(200):
            damaged = bytearray(content)
            for _ in range(rng.randint(1, 4)):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            try:
                read(put(tmp_path, f"{part}.{kind}", bytes(damaged)))
            except DataError as error:
                said.append(str(error))
    assert said
    assert not any("\n" in text for text in said)


def test_a_camera_of_an_unknown_number_keeps_it(tmp_path: Path) -> None:
    content = struct.pack("<QIiQQ4d", 1, 7, 99, 40, 30, 52.0, 50.0, 21.0, 14.0)
    assert read_cameras(put(tmp_path, "cameras.bin", content))[7].model == "99"


def test_one_number_for_two_cameras_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="number 7 to two cameras"):
        read_cameras(put(tmp_path, "cameras.txt", TEXTS["cameras"] * 2))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1 PINHOLE 40 30 52 50 21", "gives PINHOLE 3 parameters, not 4"),
        ("1 PINHOLE 40 30 52 50 21 14 0", "gives PINHOLE 5 parameters, not 4"),
        ("1 PINHOLE", "has 2 columns"),
        ("one PINHOLE 40 30 52 50 21 14", "other columns"),
        ("1 PINHOLE wide 30 52 50 21 14", "other columns"),
    ],
)
def test_lines_of_cameras_that_are_wrong_are_named(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(DataError, match=f"line 2 .*{said}"):
        read_cameras(put(tmp_path, "cameras.txt", f"# list\n{line}\n".encode()))


def test_colours_out_of_range_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 1 has a colour outside 0 to 255"):
        read_points(put(tmp_path, "points3D.txt", b"4 0 2 3 0 256 30 0.5\n"))


@pytest.mark.parametrize("name", ["a b (2).png", " leading.png", "Tür.png", "sub/ä b.jpg", "sub\\c.jpg", "#1.png"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("points", ["empty", "given", "left out"])
def test_names_of_every_kind_are_read_from_text(tmp_path: Path, name: str, ends: str, points: str) -> None:
    between = {"empty": [""], "given": ["1 2 3 4.5 5 -1"], "left out": []}[points]
    lines = []
    for index, text in enumerate((name, "z.png", name)):
        lines += [f"{index} 1 0 0 0 0 0 0 7 {text}", *between]
    content = ends.join(["# a list", "", *lines, ""])
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        images = read_images(put(tmp_path, "images.txt", content.encode(encoding)))
        assert [image.name for image in images] == [name, "z.png", name]


def test_pipes_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "images.bin")
    with pytest.raises(DataError, match="found a pipe"):
        read_images(tmp_path / "images.bin")
