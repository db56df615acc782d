"""Sparse points of captures: the vertices of PLY files of every kind, and nothing else that a file may name."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from editor3d.datasets.formats.point_cloud import read_ply_points
from editor3d.errors import DataError

PLACES = np.array([[5_000_000.25, 2, 3], [-1, 0.5, 2], [0, 0, -4]])
COLORS = np.array([[1, 2, 3], [255, 0, 128], [7, 8, 9]], np.uint8)
ORDERS = {"ascii": "=", "binary_little_endian": "<", "binary_big_endian": ">"}
NUMPY = {"float": "f4", "double": "f8", "uchar": "u1", "uint8": "u1", "ushort": "u2", "int": "i4"}


def ply(
    kind: str = "ascii",
    place: str = "double",
    color: str = "uchar",
    names: tuple[str, ...] = ("red", "green", "blue"),
    colors: np.ndarray = COLORS,
    places: np.ndarray = PLACES,
    before: str = "",
) -> bytes:
    """A file of three points, with a normal and an alpha between that nobody asks for."""
    fields = [(axis, place) for axis in "xyz"] + [("nx", "float")] + [(name, color) for name in names] + [("a", color)]
    header = ["ply", f"format {kind} 1.0", "comment made by a test", *before.split("|"), "element vertex 3"]
    header += [f"property {kind_of} {name}" for name, kind_of in fields]
    header += ["element face 1", "property list uchar int vertex_indices", "end_header", ""]
    rows = np.zeros(3, dtype=[(name, ORDERS[kind] + NUMPY[kind_of]) for name, kind_of in fields])
    for at, axis in enumerate("xyz"):
        rows[axis] = places[:, at]
    for at, name in enumerate(names):
        rows[name] = colors[:, at]
    if kind == "ascii":
        body = "".join(" ".join(repr(value) for value in row.tolist()) + "\n" for row in rows).encode() + b"3 0 1 2\n"
    else:
        body = rows.tobytes() + b"\3" + np.arange(3, dtype=ORDERS[kind] + "i4").tobytes()
    return "\n".join(line for line in header if line or line == header[-1]).encode() + body


def read(folder: Path, content: bytes):
    path = folder / "points.ply"
    path.write_bytes(content)
    return read_ply_points(path)


@pytest.mark.parametrize("kind", ORDERS)
@pytest.mark.parametrize(
    "names", [("red", "green", "blue"), ("r", "g", "b"), ("diffuse_red", "diffuse_green", "diffuse_blue")]
)
def test_every_kind_is_read(tmp_path, kind, names):
    found = read(tmp_path, ply(kind, names=names))
    np.testing.assert_array_equal(found.places, PLACES)
    np.testing.assert_array_equal(found.colors, COLORS)
    assert (found.places.dtype, found.colors.dtype) == (np.float64, np.uint8)
    assert not found.notes


@pytest.mark.parametrize("kind", ORDERS)
@pytest.mark.parametrize(("color", "factor"), [("uint8", 1), ("ushort", 257), ("float", 1 / 255), ("double", 1)])
def test_colours_of_every_type(tmp_path, kind, color, factor):
    found = read(tmp_path, ply(kind, color=color, colors=COLORS * float(factor)))
    np.testing.assert_array_equal(found.colors, COLORS)


@pytest.mark.parametrize("color", ["float", "double"])
def test_floats_up_to_255_stay_so_in_a_channel_that_is_nearly_black(tmp_path, color):
    colors = np.array([[200, 1, 0], [30, 0, 1], [7, 1, 1]], np.uint8)
    assert (read(tmp_path, ply("ascii", color=color, colors=colors * 1.0)).colors == colors).all()


def test_text_keeps_all_digits_of_what_the_header_calls_a_float(tmp_path):
    header = (
        b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\nend_header\n"
    )
    assert read(tmp_path, header + b"5000000.25 1 2\n").places[0, 0] == 5_000_000.25


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_points_without_colours(tmp_path, ends):
    lines = [b"ply", b"format ascii 1.0", b"element vertex 2", *(b"property float " + a for a in (b"x", b"y", b"z"))]
    found = read(tmp_path, ends.join([*lines, b"end_header", b"1 2 3", b"4 5 6", b""]))
    np.testing.assert_array_equal(found.places, [[1, 2, 3], [4, 5, 6]])
    assert found.colors is None


def test_elements_before_the_vertices_are_stepped_over(tmp_path):
    before = "element camera 0|property float f"
    np.testing.assert_array_equal(read(tmp_path, ply("ascii", before=before)).places, PLACES)
    header, body = ply("binary_little_endian", before="element camera 2|property float f").split(b"end_header\n")
    np.testing.assert_array_equal(read(tmp_path, header + b"end_header\n" + b"abcdefgh" + body).places, PLACES)


def test_no_points_are_none(tmp_path):
    found = read(tmp_path, ply().replace(b"vertex 3", b"vertex 0"))
    assert found.places is None
    assert found.colors is None


@pytest.mark.parametrize("kind", ORDERS)
def test_points_without_a_place_are_left_out(tmp_path, kind):
    places = PLACES.copy()
    places[0] = np.nan, np.inf, -1e308
    found = read(tmp_path, ply(kind, places=places).replace(b"nan", b"NaN"))
    np.testing.assert_array_equal(found.places, PLACES[1:])
    np.testing.assert_array_equal(found.colors, COLORS[1:])
    assert found.notes == ("1 points without a place left out",)


@pytest.mark.parametrize("count", [4, 10**6, 10**15, 10**30])
@pytest.mark.parametrize("kind", ORDERS)
def test_more_points_than_bytes_are_refused_before_memory_is_asked_for(tmp_path, kind, count):
    with pytest.raises(DataError, match=r"points\.ply cannot be read as a PLY file of points"):
        read(tmp_path, ply(kind).replace(b"vertex 3", b"vertex %d" % count))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"ply\n", b"plyx\n"),
        (b"format ascii", b"format ebcdic"),
        (b"element vertex 3", b"element points 3"),
        (b"element vertex 3", b"element vertex -3"),
        (b"element vertex 3", b"element vertex three"),
        (b"property double x", b"property double w"),
        (b"property double x", b"property quad x"),
        (b"property double x", b"property list uchar int x"),
        (b"property double x", b"property double y"),
        (b"end_header", b"no_end"),
        (b"-1.0", b"one"),
    ],
)
def test_headers_and_rows_that_are_wrong_are_refused(tmp_path, old, new):
    content = ply()
    assert old in content
    with pytest.raises(DataError, match=r"points\.ply cannot be read as a PLY file of points") as caught:
        read(tmp_path, content.replace(old, new, 1))
    assert "\n" not in str(caught.value)


def test_textures_that_a_header_names_are_not_opened(tmp_path, monkeypatch):
    def refuse(*_args, **_more):
        raise AssertionError("opened")

    monkeypatch.setattr("PIL.Image.open", refuse)
    (tmp_path / "texture.eps").write_text("%!PS\n")
    found = read(tmp_path, ply(before="comment TextureFile texture.eps"))
    np.testing.assert_array_equal(found.places, PLACES)


@pytest.mark.parametrize("kind", ORDERS)
def test_damage_ends_in_a_sentence_or_in_points(tmp_path, kind):
    rng, content, said = random.Random(kind), ply(kind), []
    for _ in range(300):
        damaged = bytearray(content[: rng.choice([len(content), rng.randrange(len(content))])])
        for _ in range(rng.randint(0, 4) if damaged else 0):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        try:
            read(tmp_path, bytes(damaged))
        except DataError as error:
            said.append(str(error))
    assert said
    assert not any("\n" in text for text in said)
