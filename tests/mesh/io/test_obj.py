"""OBJ and its material libraries, as programs of every system write them."""

from __future__ import annotations

import numpy as np
import pytest

from editor3d.errors import DataError
from mesh.io.common.beside import find_beside
from mesh.io.mtl import parse_map
from mesh.io.read import read_mesh
from mesh.model.looks import Looks

RED, GREEN, BLUE, YELLOW = (200, 0, 0), (0, 160, 0), (0, 0, 240), (220, 220, 0)
AS_PAINTED = [BLUE, YELLOW, RED, GREEN]


@pytest.mark.parametrize(
    ("named", "lies"),
    [
        ("paint.png", "paint.png"),
        (r"textures\paint.png", "textures/paint.png"),
        (r"C:\Users\me\scan\paint.png", "paint.png"),
        (r"C:\Users\me\scan\tex\paint.png", "tex/paint.png"),
        ("D:/scans/paint.png", "paint.png"),
        (r"\\server\share\paint.png", "paint.png"),
        ("/home/me/scan/paint.png", "paint.png"),
        ("Paint.PNG", "paint.png"),
        (r"Textures\PAINT.png", "textures/paint.png"),
        ("my paint 2.png", "my paint 2.png"),
        ('"my paint 2.png"', "my paint 2.png"),
        ("./paint.png", "paint.png"),
        ("paint#1.png", "paint#1.png"),
        ("-clamp on -s 1 1 1 -o 0 0 0 my paint.png", "my paint.png"),
        ("-bm 0.5 -imfchan l paint.png", "paint.png"),
        ("paint.png -s 1 1 1", "paint.png"),
        ("farbe\u0308.png", "farbe\u0308.png"),
        ("farb\u00eb.png", "farbe\u0308.png"),
    ],
)
def test_a_texture_is_found_however_it_is_named(obj, seen, named, lies):
    surface = read_mesh(obj(f"newmtl paint\nKd 0.8 0.8 0.8\nmap_Kd {named}\n", texture=lies))
    assert not surface.notes
    assert seen(surface) == pytest.approx(np.array(AS_PAINTED), abs=1)


def test_a_texture_that_is_not_there_is_noted_by_its_name(obj, seen):
    surface = read_mesh(obj("newmtl paint\nKd 1 0 0\nmap_Kd gone.png\n", texture=None))
    assert any("gone.png" in note and "not found" in note for note in surface.notes)
    assert seen(surface) == pytest.approx(np.tile([255, 0, 0], (4, 1)), abs=1)


def test_links_out_of_the_folder_are_not_followed(obj, tmp_path, seen):
    outside = tmp_path.parent / f"{tmp_path.name}_outside.png"
    path = obj(texture="paint.png")
    (tmp_path / "paint.png").rename(outside)
    (tmp_path / "paint.png").symlink_to(outside)
    surface = read_mesh(path)
    assert any("link" in note for note in surface.notes)
    assert seen(surface) == pytest.approx(255)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("-o 0.5 0", [YELLOW, BLUE, GREEN, RED]),
        ("-s 1 -1", [RED, GREEN, BLUE, YELLOW]),
        ("-s 2 2 -o 0.25 0.25", [GREEN, GREEN, GREEN, GREEN]),
        ("-mm 0 0.5", np.array(AS_PAINTED) / 2),
        ("-mm 1 0", np.full((4, 3), 255)),
        ("-clamp on -o 1 0", [YELLOW, YELLOW, GREEN, GREEN]),
    ],
)
def test_options_of_a_texture_place_and_change_it(obj, seen, options, expected):
    surface = read_mesh(obj(f"newmtl paint\nmap_Kd {options} paint.png\n"))
    assert seen(surface) == pytest.approx(np.array(expected), abs=1)


def test_options_that_are_not_drawn_are_noted(obj):
    surface = read_mesh(obj("newmtl paint\nd 0.5\nmap_Bump x.png\nmap_Kd -t 1 1 1 paint.png\n"))
    told = " ".join(surface.notes)
    assert "-t" in told
    assert "transparency" in told
    assert "bump" in told


def test_map_options():
    found = parse_map("-blendu on -s 2 3 -o 0.5 -mm 0.1 0.9 -clamp on 7 7.png")
    assert (found.name, found.scale, found.offset, found.clamp) == ("7 7.png", (2.0, 3.0), (0.5, 0.0), True)
    assert found.base_gain == (0.1, 0.9)
    assert parse_map("-s 2 2 2 3.png").name == "3.png"
    assert parse_map("-unknown.png").name == "-unknown.png"
    assert parse_map("").name == ""
    assert parse_map("-s").name == "-s"


@pytest.mark.parametrize(
    ("kd", "expected"),
    [("0.8 0.8 0.8", AS_PAINTED), ("0 0 0", AS_PAINTED), ("1 0.5 1", np.array(AS_PAINTED) * [1, 0.5, 1])],
)
def test_a_gray_kd_beside_a_texture_is_no_colour_and_a_coloured_one_tints_it(obj, seen, kd, expected):
    surface = read_mesh(obj(f"newmtl paint\nKd {kd}\nmap_Kd paint.png\n"))
    assert seen(surface) == pytest.approx(np.array(expected), abs=1)


def test_a_library_whose_materials_no_face_names_holds_for_all(obj, seen):
    surface = read_mesh(obj(faces="f 1/1 2/2 3/3 4/4\n"))
    assert seen(surface) == pytest.approx(np.array(AS_PAINTED), abs=1)
    assert any("paint" in note for note in surface.notes)


def test_an_unknown_material_and_a_missing_library_are_noted(obj, seen, tmp_path):
    surface = read_mesh(obj(faces="usemtl ghost\nf 1/1 2/2 3/3 4/4\n"))
    assert any("ghost" in note for note in surface.notes)
    assert seen(surface) == pytest.approx(127.5)
    path = obj(head="mtllib gone.mtl\n")
    (tmp_path / "square.mtl").unlink()
    surface = read_mesh(path)
    assert any("gone.mtl" in note for note in surface.notes)
    assert seen(surface) == pytest.approx(127.5)


def test_the_library_of_the_meshs_own_name_takes_a_missing_ones_place(obj, seen):
    surface = read_mesh(obj(head="mtllib untitled.mtl\n"))
    assert seen(surface) == pytest.approx(np.array(AS_PAINTED), abs=1)
    assert any("untitled.mtl" in note for note in surface.notes)


@pytest.mark.parametrize(
    "head", ["mtllib one.mtl square.mtl\n", "mtllib one.mtl\nmtllib square.mtl\n", "mtllib my lib.mtl\n"]
)
def test_several_libraries_and_names_with_blanks(obj, seen, tmp_path, head):
    (tmp_path / "one.mtl").write_text("newmtl other\nKd 1 0 0\n")
    (tmp_path / "my lib.mtl").write_text("newmtl other\nKd 1 0 0\nnewmtl paint\nmap_Kd paint.png\n")
    faces = "usemtl paint\nf 1/1 2/2 3/3\nusemtl other\nf 1/1 3/3 4/4\n"
    found = seen(read_mesh(obj(head=head, faces=faces)))
    assert found[1] == pytest.approx(YELLOW, abs=1)
    assert found[2] == pytest.approx([255, 0, 0], abs=1)


def test_materials_with_blanks_in_their_names(obj, seen):
    path = obj("newmtl my  paint\nmap_Kd paint.png\n", faces="usemtl my  paint \nf 1/1 2/2 3/3 4/4\n")
    assert seen(read_mesh(path)) == pytest.approx(np.array(AS_PAINTED), abs=1)


@pytest.mark.parametrize(
    ("defined", "used"),
    [
        ("Material #25", "Material #25"),
        ("paint#1", "paint#1"),
        ("#1", "#1"),
        ("paint # the front", "paint"),
        ("paint", "paint # the front"),
    ],
)
def test_a_hash_is_part_of_a_materials_name_or_begins_a_comment(obj, seen, defined, used):
    surface = read_mesh(obj(f"newmtl {defined}\nmap_Kd paint.png\n", faces=f"usemtl {used}\nf 1/1 2/2 3/3 4/4\n"))
    assert seen(surface) == pytest.approx(np.array(AS_PAINTED), abs=1)


def test_materials_that_a_hash_tells_apart_stay_apart(obj, seen):
    library = "newmtl paint #1\nmap_Kd paint.png\nnewmtl paint #2\nKd 1 0 0\n"
    found = seen(read_mesh(obj(library, faces="usemtl paint #1\nf 1/1 2/2 3/3\nusemtl paint #2\nf 1/1 3/3 4/4\n")))
    assert found[1] == pytest.approx(YELLOW, abs=1)
    assert found[2] == pytest.approx([255, 0, 0], abs=1)


def test_textures_lie_beside_their_library(obj, seen, tmp_path):
    path = obj(head="mtllib lib/paint.mtl\n", texture="lib/paint.png")
    (tmp_path / "lib" / "paint.mtl").write_text("newmtl paint\nmap_Kd paint.png\n")
    assert seen(read_mesh(path)) == pytest.approx(np.array(AS_PAINTED), abs=1)


@pytest.mark.parametrize(
    "faces",
    [
        "usemtl paint\nf -4/-4 -3/-3 -2/-2 -1/-1",
        "usemtl paint\nf 1/1 2/2 \\\n  3/3 4/4",
        "usemtl paint\r\nf 1/1/1 2/2/1 3/3/1 4/4/1\r\n",
        "usemtl paint\nf 1/1 2/2 3/3 # one\nf 1/1 3/3 4/4 # two\n",
        "usemtl paint\rf 1/1 2/2 3/3\rf 1/1 3/3 4/4",
    ],
)
def test_ways_of_writing_faces(obj, seen, faces):
    path = obj(faces=faces)
    if "\r" in faces and "\r\n" not in faces:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r"))
    assert seen(read_mesh(path)) == pytest.approx(np.array(AS_PAINTED), abs=1)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-16"])
def test_encodings(obj, seen, tmp_path, encoding):
    path = obj("newmtl fl\u00e4che\nmap_Kd paint.png\n", faces="usemtl fl\u00e4che\nf 1/1 2/2 3/3 4/4\n")
    for file in (path, tmp_path / "square.mtl"):
        file.write_bytes(file.read_text().encode(encoding))
    assert seen(read_mesh(path)) == pytest.approx(np.array(AS_PAINTED), abs=1)


@pytest.mark.parametrize("scale", [1, 255])
def test_colours_behind_the_vertices(obj, seen, scale):
    vertices = "".join(
        f"v {x} {y} 0 {0.2 * scale:g} {0.4 * scale:g} {0.6 * scale:g}\n" for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))
    )
    surface = read_mesh(obj(head="", vertices=vertices, faces="f 1 2 3 4\n", texture=None))
    assert surface.vertex_colors == pytest.approx(np.tile([0.2, 0.4, 0.6], (4, 1)), abs=1e-6)
    textured = read_mesh(obj(vertices=vertices, faces="usemtl paint\nf 1/1 2/2 3/3\nusemtl none\nf 1 3 4\n"))
    found = seen(textured)
    assert found[1] == pytest.approx(YELLOW, abs=1)
    assert found[2] == pytest.approx([51, 102, 153], abs=1)


def test_faces_without_places_have_the_materials_colour(obj, seen):
    surface = read_mesh(
        obj("newmtl paint\nKd 0 1 0\nmap_Kd paint.png\n", faces="usemtl paint\nf 1/1 2/2 3/3\nf 1 3 4\n")
    )
    assert seen(surface)[2] == pytest.approx([0, 255, 0], abs=1)
    assert any("1 faces" in note for note in surface.notes)


def test_concave_polygons_are_filled_once(obj):
    vertices = "v 0 0 0\nv 4 0 0\nv 4 4 0\nv 2 1 0\nv 0 4 0\n"
    surface = read_mesh(obj(head="", vertices=vertices, faces="f 1 2 3 4 5\n", texture=None))
    corners = surface.vertices[surface.faces]
    areas = 0.5 * np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2]
    assert (areas > 0).all()
    assert areas.sum() == pytest.approx(10.0)


def test_what_is_no_surface_is_noted(obj):
    surface = read_mesh(obj(faces="l 1 2\ncurv 0 1 1 2\nf 1 2 3\nf 1 2 9\n", head=""))
    told = " ".join(surface.notes)
    assert "lines" in told
    assert "curves" in told
    assert "1 faces of vertices that do not exist" in told


@pytest.mark.parametrize("line", ["v 1,0 2 3", "v a b c", "f 1 2 x", "f 1 2 99999999999999999999", "vt 0 ?"])
def test_lines_that_are_no_numbers_are_refused(obj, line):
    with pytest.raises(DataError, match="numbers"):
        read_mesh(obj(faces=f"f 1 2 3\n{line}\n"))


def test_a_mesh_without_faces_is_refused_with_what_became_of_them(obj):
    with pytest.raises(DataError, match="2 faces of vertices that do not exist"):
        read_mesh(obj(faces="f 1 2 7\nf 1 2 8\n"))
    with pytest.raises(DataError, match="points or lines at most"):
        read_mesh(obj(head="", faces=""))


def test_colours_of_several_materials_stay_apart(obj):
    library = "newmtl red\nKd 1 0 0\nnewmtl blue\nKd 0 0 1\n"
    surface = read_mesh(obj(library, faces="usemtl red\nf 1 2 3\nusemtl blue\nf 1 3 4\n", texture=None))
    assert surface.is_textured  # colours at vertices would blur them
    assert len(Looks(surface).at_vertices()) == 4


def test_names_that_lead_nowhere(tmp_path):
    for name in ("", "a\0b", "..", "/", "x" * 5000, "a/b/c/d.png", "C:", "con\n.png"):
        assert find_beside(name, tmp_path) is None
