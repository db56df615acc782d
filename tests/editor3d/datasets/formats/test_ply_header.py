"""The header that points, meshes and splats share."""

from __future__ import annotations

import numpy as np
import pytest

from editor3d.datasets.formats.ply_header import MAX_HEADER, NAMES, parse_header, read_header

LINES = (
    b"ply",
    b"format binary_big_endian 1.0",
    b"comment TextureFile caf\xc3\xa9.png",
    b"obj_info up: z",
    b"comment",
    b"element vertex 2",
    b"property float x",
    b"property uint8 red",
    b"element face 3",
    b"property list uchar int vertex_indices",
)


def header(*lines: bytes, end: bytes = b"\n", rows: bytes = b"\n\r\n 1 2") -> bytes:
    return end.join([*lines, b"end_header", b""]) + rows


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r", b" \n", b"\t\r\n"])
def test_lines_of_every_system_end_where_the_rows_begin(end):
    content = header(*LINES, end=end)
    found = parse_header(content)
    assert content[found.size :] == b"\n\r\n 1 2"
    assert found.byte_order == ">"
    assert found.comments == ("TextureFile caf\xc3\xa9.png", "up: z")
    vertex, face = found.elements
    assert (vertex.name, vertex.count, vertex.codes()) == ("vertex", 2, {"x": "f4", "red": "u1"})
    assert vertex.row_type(">") == np.dtype([("x", ">f4"), ("red", "u1")])
    assert (vertex.has_lists, face.has_lists) == (False, True)
    assert face.properties["vertex_indices"].counted == np.uint8
    assert found.element("face") is face
    assert found.element("edge") is None


def test_the_least_bytes_are_those_of_rows_with_empty_lists():
    vertex, face = parse_header(header(*LINES)).elements
    assert (vertex.least_bytes(binary=True), face.least_bytes(binary=True)) == (2 * 5, 3)
    assert (vertex.least_bytes(binary=False), face.least_bytes(binary=False)) == (len("1 2\n1 2"), len("0\n0\n0"))


@pytest.mark.parametrize(("code", "name"), NAMES.items())
def test_every_type_goes_by_its_two_names(code, name):
    sized = np.dtype(code).name
    for kind in (name, sized):
        content = header(b"ply", b"format ascii 1.0", b"element a 1", b"property %s x" % kind.encode())
        assert parse_header(content).elements[0].codes() == {"x": code}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b"ply\n", b"plyx\n", "does not begin with 'ply'"),
        (b"end_header", b"end_head", "a header that ends in 'end_header'"),
        (b"format binary_big_endian 1.0\n", b"", "lacks the 'format' line"),
        (b"binary_big_endian", b"ebcdic", "the line 'format ebcdic 1.0' of its header cannot be understood"),
        (b"comment\n", b"format ascii 1.0\n", "the line 'format ascii 1.0'"),
        (b"vertex 2", b"vertex -2", "the line 'element vertex -2'"),
        (b"vertex 2", b"vertex 1" + b"0" * 18, "the line 'element vertex 10"),
        (b"vertex 2", b"vertex \xb2", "the line 'element vertex \xb2'"),
        (b"element vertex 2\n", b"", "the line 'property float x'"),
        (b"float x", b"quad x", "the line 'property quad x'"),
        (b"uint8 red", b"float x", "the property 'x' of its element 'vertex' is there twice"),
        (b"list uchar int", b"list uchar", "the line 'property list uchar vertex_indices'"),
        (b"comment\n", b"z" * 500 + b"\n", "the line '" + "z" * 80 + "'"),
        (b"comment\n", b"comment " + b"z" * MAX_HEADER + b"\n", "a header that ends in 'end_header'"),
    ],
)
def test_what_is_wrong_is_told_in_a_clause(old, new, told):
    content = header(*LINES)
    assert old in content
    with pytest.raises(ValueError, match="^(it|its header|the line|the property) ") as caught:
        parse_header(content.replace(old, new, 1))
    assert told in str(caught.value)


def test_no_more_of_a_file_is_read_than_a_header_may_have(tmp_path):
    path = tmp_path / "a.ply"
    with path.open("wb") as file:
        file.write(header(*LINES))
        file.truncate(1 << 40)
    assert read_header(path) == parse_header(header(*LINES))
