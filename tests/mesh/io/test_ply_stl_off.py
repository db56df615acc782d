"""PLY, STL, OFF, 3MF and COLLADA: colours by every name and type, and textures."""

from __future__ import annotations

import io
import os
import struct
import zipfile

import numpy as np
import pytest
import trimesh
from PIL import Image

from editor3d.errors import DataError
from mesh.io.read import read_mesh

RED, GREEN, BLUE, YELLOW = (200, 0, 0), (0, 160, 0), (0, 0, 240), (220, 220, 0)
AS_PAINTED = [BLUE, YELLOW, RED, GREEN]
PAINT = np.array([[RED, GREEN], [BLUE, YELLOW]], np.uint8)
XY = ((0, 0), (1, 0), (1, 1), (0, 1))
CODES = {"uchar": "B", "char": "b", "ushort": "H", "int": "i", "uint": "I", "float": "f", "double": "d"}


def write_ply(path, vertex, faces, face=(), kind="ascii", comments=(), listed=("uchar", "int")):
    """vertex: (type, name, values); face the same, where a type is (count, item) for lists."""
    order = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}[kind]
    lines = ["ply", f"format {kind} 1.0", *(f"comment {comment}" for comment in comments)]
    lines += [f"element vertex {len(vertex[0][2])}", *(f"property {t} {name}" for t, name, _ in vertex)]
    face = [(listed, "vertex_indices", faces), *face]
    lines += [f"element face {len(faces)}"]
    lines += [f"property list {t[0]} {t[1]} {n}" if isinstance(t, tuple) else f"property {t} {n}" for t, n, _ in face]
    body = []

    def put(code, value):
        body.append(f"{value} ".encode() if not order else struct.pack(order + CODES[code], value))

    for element, count in ((vertex, len(vertex[0][2])), (face, len(faces))):
        for row in range(count):
            for code, _, values in element:
                if isinstance(code, tuple):
                    put(code[0], len(values[row]))
                    for value in values[row]:
                        put(code[1], value)
                else:
                    put(code, values[row])
            if not order:
                body.append(b"\n")
    path.write_bytes("\n".join([*lines, "end_header", ""]).encode() + b"".join(body))
    return path


def corners(kind="float"):
    return [(kind, "x", [x for x, _ in XY]), (kind, "y", [y for _, y in XY]), (kind, "z", [0] * 4)]


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize("faces", [[[0, 1, 2], [0, 2, 3]], [[0, 1, 2, 3]], [[0, 1, 2], [0, 1, 2, 3], [0, 2, 3]]])
def test_polygons_in_text_and_both_byte_orders(tmp_path, kind, faces):
    surface = read_mesh(write_ply(tmp_path / "m.ply", corners("double"), faces, kind=kind))
    assert len(surface.faces) == 2
    assert surface.vertices.max(0) == pytest.approx([1, 1, 0])


@pytest.mark.parametrize(
    "names", ["red green blue", "diffuse_red diffuse_green diffuse_blue", "r g b", "Red Green Blue"]
)
@pytest.mark.parametrize(
    ("kind", "scale"),
    [("uchar", 255), ("ushort", 65535), ("float", 1), ("float", 255), ("double", 1), ("int", 255), ("uint", 65535)],
)
def test_colours_of_vertices_by_name_and_type(tmp_path, names, kind, scale):
    whole = kind not in ("float", "double")
    values = [round(share * scale) if whole else share * scale for share in (0.2, 0.4, 1.0)]
    colors = [(kind, name, [value] * 4) for name, value in zip(names.split(), values, strict=True)]
    for order in ("ascii", "binary_little_endian"):
        surface = read_mesh(write_ply(tmp_path / "m.ply", corners() + colors, [[0, 1, 2, 3]], kind=order))
        assert surface.vertex_colors == pytest.approx(np.tile([0.2, 0.4, 1.0], (4, 1)), abs=1e-3)


@pytest.mark.parametrize("kind", ["ascii", "binary_big_endian"])
def test_colours_of_faces(tmp_path, seen, kind):
    face = [("uchar", "red", [255, 0]), ("uchar", "green", [0, 128]), ("uchar", "blue", [0, 0])]
    surface = read_mesh(write_ply(tmp_path / "m.ply", corners(), [[0, 1, 2], [0, 2, 3]], face, kind))
    assert seen(surface)[1:3] == pytest.approx(np.array([[255, 0, 0], [0, 128, 0]]), abs=1)


@pytest.mark.parametrize("names", ["s t", "u v", "texture_u texture_v", "texture_s texture_t"])
def test_places_of_vertices(tmp_path, seen, names):
    Image.fromarray(PAINT).save(tmp_path / "my paint.png")
    places = [("float", name, [xy[axis] for xy in XY]) for axis, name in enumerate(names.split())]
    path = write_ply(tmp_path / "m.ply", corners() + places, [[0, 1, 2, 3]], comments=["TextureFile my paint.png"])
    assert seen(read_mesh(path)) == pytest.approx(np.array(AS_PAINTED), abs=1)


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian"])
def test_meshlabs_several_textures(tmp_path, seen, kind):
    Image.fromarray(PAINT).save(tmp_path / "t0.png")
    Image.fromarray(255 - PAINT).save(tmp_path / "t1.png")
    face = [
        (("uchar", "float"), "texcoord", [[0, 0, 1, 0, 1, 1], [0, 0, 1, 1, 0, 1], []]),
        ("int", "texnumber", [0, 1, -1]),
    ]
    faces = [[0, 1, 2], [0, 2, 3], [1, 4, 2]]
    five = [(t, n, [*v, w]) for (t, n, v), w in zip(corners(), (2, 0, 0), strict=True)]
    comments = ["VCGLIB generated", "TextureFile t0.png", r"TextureFile C:\scan\T1.png"]
    surface = read_mesh(write_ply(tmp_path / "m.ply", five, faces, face, kind, comments))
    found = seen(surface, [(0.75, 0.25), (0.25, 0.75), (1.3, 0.2)])
    assert found == pytest.approx(np.array([YELLOW, [55, 255, 255], [127.5] * 3]), abs=1)
    assert any("1 faces" in note for note in surface.notes)
    (tmp_path / "t1.png").unlink()
    assert any("T1.png" in note for note in read_mesh(tmp_path / "m.ply").notes)


def test_a_texture_hides_the_colours_of_vertices_and_says_so(tmp_path, seen):
    Image.fromarray(PAINT).save(tmp_path / "t.png")
    more = [("float", "s", [0, 1, 1, 0]), ("float", "t", [0, 0, 1, 1])]
    more += [("uchar", name, [9] * 4) for name in ("red", "green", "blue")]
    path = write_ply(tmp_path / "m.ply", corners() + more, [[0, 1, 2, 3]], comments=["TextureFile t.png"])
    surface = read_mesh(path)
    assert seen(surface) == pytest.approx(np.array(AS_PAINTED), abs=1)
    assert any("colours" in note for note in surface.notes)


@pytest.mark.parametrize("strip", [[0, 1, 3, 2, -1], [0, 1, 3, -1, 1, 2, 3]])
def test_strips(tmp_path, strip):
    path = write_ply(tmp_path / "m.ply", corners(), [strip])
    path.write_bytes(path.read_bytes().replace(b"element face", b"element tristrips"))
    surface = read_mesh(path)
    found = surface.vertices[surface.faces]
    assert len(surface.faces) == 2
    assert (np.cross(found[:, 1] - found[:, 0], found[:, 2] - found[:, 0])[:, 2] > 0).all()


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        (b"vertex 4", b"vertex 999999999999", "fit"),
        (b"face 1", b"face 99", "fit|cut short"),
        (b"format", b"formula", "understood"),
        (b"end_header", b"", "end_header"),
        (b"float x", b"float w", "x, y and z"),
        (b"float y", b"float x", "twice"),
        (b"0 1 2", b"0 1 a", "number"),
        (b"\n4 0 1 2 3", b"\n999999999 0 1 2 3", "cut short"),
        (b"\n4 0 1 2 3", b"\n-4 0 1 2 3", "cut short"),
        (b"\n4 0 1 2 3", b"\nnan 0 1 2 3", "cut short"),
    ],
)
def test_damaged_ply_files_are_refused(tmp_path, old, new, word):
    path = write_ply(tmp_path / "m.ply", corners(), [[0, 1, 2, 3]])
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    with pytest.raises(DataError, match=word):
        read_mesh(path)


def test_a_mesh_is_bounded_by_its_faces_and_not_by_their_corners(tmp_path, monkeypatch):
    """Two triangles have six corners."""
    write_ply(tmp_path / "m.ply", corners(), [(0, 1, 2), (0, 2, 3)])
    monkeypatch.setattr("mesh.io.common.parts.MAX_FACES", 4)
    monkeypatch.setattr("mesh.io.common.parts.FACES_OF_ANY_FILE", 4)
    assert len(read_mesh(tmp_path / "m.ply").faces) == 2
    monkeypatch.setattr("mesh.io.common.parts.MAX_FACES", 1)
    monkeypatch.setattr("mesh.io.common.parts.FACES_OF_ANY_FILE", 1)
    with pytest.raises(DataError, match="simplify"):
        read_mesh(tmp_path / "m.ply")


def write_stl(path, spare=(0, 0), header=b"", tail=b""):
    triangles = [[(0, 0, 0), (1, 0, 0), (1, 1, 0)], [(0, 0, 0), (1, 1, 0), (0, 1, 0)]]
    body = b"".join(
        struct.pack("<3f9fH", 0, 0, 1, *(v for corner in t for v in corner), color)
        for t, color in zip(triangles, spare, strict=True)
    )
    path.write_bytes(header.ljust(80, b"\0") + struct.pack("<I", 2) + body + tail)
    return path


def test_coloured_stl_of_viscam(tmp_path, seen):
    red, none = 0x8000 | 31 << 10, 0x1234
    surface = read_mesh(write_stl(tmp_path / "m.stl", (red, none)))
    assert seen(surface)[1:3] == pytest.approx(np.array([[255, 0, 0], [127.5] * 3]), abs=1)


@pytest.mark.parametrize("key", [b"COLOR=", b"MATERIAL="])
def test_coloured_stl_of_materialise(tmp_path, seen, key):
    red, whole = 31, 0x8000
    path = write_stl(tmp_path / "m.stl", (red, whole), b"solid from Magics " + key + bytes([0, 100, 200, 255]))
    assert seen(read_mesh(path))[1:3] == pytest.approx(np.array([[255, 0, 0], [0, 100, 200]]), abs=1)


def test_coloured_stl_of_meshlab(tmp_path, seen):
    header = b"COLOR=\x7f\x7f\x7f\xff,MATERIAL="
    path = write_stl(tmp_path / "m.stl", (0x8000 | 31, 0x8000 | 31 << 10), header)
    assert seen(read_mesh(path))[1:3] == pytest.approx(np.array([[255, 0, 0], [0, 0, 255]]), abs=1)
    path = write_stl(tmp_path / "m.stl", (0x8000, 0x8000), header)
    assert seen(read_mesh(path)) == pytest.approx(127)


def test_plain_stl_is_gray_whatever_its_spare_bytes_hold(tmp_path, seen):
    for spare in ((0, 0), (7, 1234)):
        assert seen(read_mesh(write_stl(tmp_path / "m.stl", spare, b"solid binary"))) == pytest.approx(127.5)


def test_stl_in_text_with_several_solids(tmp_path):
    one = (
        "facet normal 0 0 1\n outer loop\n  vertex {0} 0 0\n  VERTEX {1} 0 0\n  vertex {1} 1e0 0\n endloop\nendfacet\n"
    )
    text = f"solid a b\n{one.format(0, 1)}endsolid a b\nsolid\n{one.format(3, 4)}endsolid\n"
    (tmp_path / "m.stl").write_text(text)
    assert len(read_mesh(tmp_path / "m.stl").faces) == 2
    (tmp_path / "m.stl").write_text(text.replace("1e0", "one"))
    with pytest.raises(DataError, match="numbers"):
        read_mesh(tmp_path / "m.stl")


def test_an_stl_that_is_cut_short_is_refused(tmp_path):
    path = write_stl(tmp_path / "m.stl")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match="cut short"):
        read_mesh(path)
    assert len(read_mesh(write_stl(tmp_path / "m.stl", tail=b"\0\0")).faces) == 2


SQUARE = "{0} 0 0{1}\n1 0 0{1}\n1 1 0{1}\n0 1 0{1}\n"


@pytest.mark.parametrize(
    "text",
    [
        "COFF\n4 2 0\n" + SQUARE.format(0, " 255 0 0 255") + "3 0 1 2\n3 0 2 3\n",
        "OFF 4 2 0 # a comment\n\n" + SQUARE.format(0, "") + "3 0 1 2 255 0 0\n3 0 2 3 255 0 0\n",
        "OFF\n4 1 0\n" + SQUARE.format(0, "") + "4 0 1 2 3 1.0 0.0 0.0 1.0\n",
        "CNOFF\n4 1 0\n" + SQUARE.format(0, " 0 0 1 1.0 0.0 0.0 1") + "4 0 1 2 3\n",
        "NCOFF\n4 1 0\n" + SQUARE.format(0, " 255 0 0 255 0.0 0.0 1.0") + "4 0 1 2 3\n",
        "4 2 0\n" + SQUARE.format(0, " 1.0 0 0") + "3 0 1 2\n3 0 2 3\n",
    ],
)
def test_off_with_colours(tmp_path, seen, text):
    (tmp_path / "m.off").write_text(text)
    surface = read_mesh(tmp_path / "m.off")
    assert len(surface.faces) == 2
    assert seen(surface) == pytest.approx(np.tile([255, 0, 0], (4, 1)), abs=1)


@pytest.mark.parametrize(
    "text",
    [
        "OFF\n",
        "OFF\n9 9 9\n",
        "OFF\n4 1 0\n" + SQUARE.format(0, "") + "9 0 1 2\n",
        "4OFF\n1 1 1\n",
        "OFF BINARY\n",
        "OFF\n-1 2 0\n",
        "OFF\n99999999999 1 0\n",
        "OFF\n4 1 0\n" + SQUARE.format("x", "") + "3 0 1 2\n",
        "OFF\n4 1 0\n" + SQUARE.format(0, "") + "3 0 1 x\n",
    ],
)
def test_damaged_off_files_are_refused(tmp_path, text):
    (tmp_path / "m.off").write_text(text)
    with pytest.raises(DataError):
        read_mesh(tmp_path / "m.off")


def test_3mf_says_what_it_does_not_read_and_bombs_are_refused(tmp_path, monkeypatch):
    trimesh.creation.box().export(tmp_path / "box.3mf")
    surface = read_mesh(tmp_path / "box.3mf")
    assert len(surface.faces) == 12
    assert any("colours" in note for note in surface.notes)
    with (
        zipfile.ZipFile(tmp_path / "bomb.3mf", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("3D/3dmodel.model", "w") as member,
    ):
        for _ in range(300):
            member.write(bytes(1 << 20))
    with pytest.raises(DataError, match="unpacked"):
        read_mesh(tmp_path / "bomb.3mf")


def test_xml_with_entities_is_refused(tmp_path):
    (tmp_path / "m.dae").write_text(
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><COLLADA>&a;</COLLADA>'
    )
    with pytest.raises(DataError, match="entities"):
        read_mesh(tmp_path / "m.dae")
    (tmp_path / "m.dae").write_text("not xml")
    with pytest.raises(DataError, match="damaged"):
        read_mesh(tmp_path / "m.dae")


DOCTYPE = '<!DOCTYPE m [<!ENTITY a "x">]>'


@pytest.mark.parametrize(
    ("name", "before", "declared", "encode"),
    [
        ("3D/3dmodel.model", b"", "UTF-8", lambda text: text.encode()),
        ("3D/3dmodel.model", b"what an archive may begin with", "UTF-8", lambda text: text.encode()),
        ("3D/3dmodel.model.old", b"", "UTF-8", lambda text: text.encode()),
        ("3D/3dmodel.model", b"", "UTF-16", lambda text: text.encode("utf-16")),
        ("3D/3dmodel.model", b"", "UTF-7", lambda text: text.replace("<!", "+ADwAIQ-").encode()),
        ("3D/3dmodel.model", b"", "ISO-2022-JP", lambda text: text.replace("<!", "<\x1b(B!").encode()),
    ],
)
def test_entities_are_found_however_an_archive_hides_them(tmp_path, name, before, declared, encode):
    def write(declaration, change):
        body = declaration + change(model)
        with open(tmp_path / "m.3mf", "wb") as file:
            file.write(before)
            with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(name, body)

    box = trimesh.creation.box().export(file_type="3mf")
    with zipfile.ZipFile(io.BytesIO(box)) as archive:
        model = archive.read("3D/3dmodel.model").decode().partition("?>")[2].strip()
    write(b"", str.encode)
    assert len(read_mesh(tmp_path / "m.3mf").faces) == 12
    whole = encode(f'<?xml version="1.0" encoding="{declared}"?>{DOCTYPE}')
    if declared not in ("UTF-8", "UTF-16"):  # the declaration itself is read as ASCII
        whole = f'<?xml version="1.0" encoding="{declared}"?>'.encode() + encode(DOCTYPE)
    write(whole, encode if declared == "UTF-16" else str.encode)
    with pytest.raises(DataError, match="entities|encoding"):
        read_mesh(tmp_path / "m.3mf")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1", "windows-1252", "shift_jis"])
def test_xml_in_usual_encodings_is_read(tmp_path, encoding):
    text = trimesh.creation.box().export(file_type="dae").decode()
    assert text.startswith("<COLLADA")
    declared = encoding.removesuffix("-sig")
    (tmp_path / "m.dae").write_bytes(f'<?xml version="1.0" encoding="{declared}"?>{text}'.encode(encoding))
    assert len(read_mesh(tmp_path / "m.dae").faces) == 12


def test_pipes_and_folders_are_no_meshes(tmp_path):
    os.mkfifo(tmp_path / "pipe.glb")
    (tmp_path / "folder.obj").mkdir()
    for name in ("pipe.glb", "folder.obj"):
        with pytest.raises(DataError, match="ordinary file"):
            read_mesh(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.off", "OFF\n1 1 0\n0 0 WORD\n3 0 0 0\n"),
        ("m.obj", "v 0 0 WORD\nf 1 1 1\n"),
        ("m.stl", "solid\nvertex 0 0 WORD\nvertex 0 0 0\nvertex 0 0 0\n"),
        ("m.ply", "ply\nformat ascii 1.0\nelement vertex 1\nproperty float WORD\nproperty float WORD\nend_header\n"),
    ],
)
def test_what_is_told_of_a_word_is_no_longer_than_a_sentence(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content.replace("WORD", "e" * 5000))
    with pytest.raises(DataError) as caught:
        read_mesh(path)
    assert len(str(caught.value)) < 500 + len(str(path))
