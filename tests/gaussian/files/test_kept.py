"""What a file of splats says beside its Gaussians: kept, honoured, or said."""

from __future__ import annotations

import struct
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from editor3d.cli import main
from editor3d.errors import DataError
from editor3d.types import Around
from gaussian.edit.scene_file import FileViews, open_scene_file
from gaussian.files import convert, read_file, read_splats, write_splats
from gaussian.files.contents import FLAT, SplatFile
from gaussian.splats import SH_C0, Splats


def same_bits(one: Splats, other: Splats) -> bool:
    return all(torch.equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(Splats))


def test_further_properties_comments_and_elements_are_kept_by_changes(tmp_path, make_splats, ply, table):
    splats = make_splats(0, 40, 0)
    ids, confidence = np.arange(40), np.linspace(0, 1, 40)
    normals = {name: ("float", np.full(40, 0.5)) for name in ("nx", "ny", "nz")}
    further = {"obj_id": ("int", ids), "confidence": ("double", confidence), **normals}
    comments = ("Vertical Axis: z", "von Müller gemacht ✓")
    camera = struct.pack("<2f", 1.5, 2.5)
    content = ply(
        table(splats, **further), comments, after=camera,
        after_header=("element camera 1", "property float fov", "property float near"),
    )  # fmt: skip
    (tmp_path / "scene.ply").write_bytes(content)
    right = splats.means[:, 0] > 0
    region = "box:50,0,0,50,99,99"
    for words, wanted in (
        (["--delete", "--cameras", "3", "--side", "16"], ids[~right.numpy()]),
        (["--duplicate", "0,9,0"], np.concatenate([ids, ids[right.numpy()]])),
        (["--recolor", "red"], ids),
    ):
        out = tmp_path / "out.ply"
        assert main(["splats", str(tmp_path / "scene.ply"), "--select", region, "--output", str(out), *words]) == 0
        after = read_file(out)
        assert np.array_equal(after.extra["obj_id"], wanted)
        assert np.array_equal(after.extra["confidence"], confidence[wanted])
        assert after.extra.dtype["confidence"] == np.float64
        assert (after.extra["ny"] == 0.5).all()
        assert [text.encode("latin-1").decode() for text in after.comments] == list(comments)
        assert after.elements["camera"].tolist() == [(1.5, 2.5)]
    same = tmp_path / "same.ply"
    convert(tmp_path / "scene.ply", same)
    again = read_file(same)
    assert same_bits(again.splats, splats)
    assert np.array_equal(again.extra["obj_id"], ids)


def test_colours_beside_the_harmonics_follow_a_recolouring(tmp_path, make_splats, ply, table):
    splats = make_splats(1, 30, 0)
    colors = {name: ("uchar", np.full(30, 7)) for name in ("red", "green", "blue")}
    (tmp_path / "scene.ply").write_bytes(ply(table(splats, **colors)))
    assert torch.equal(read_splats(tmp_path / "scene.ply").sh, splats.sh)  # the harmonics hold
    words = ["--select", "box:50,0,0,50,99,99", "--recolor", "#00ff00", "--output", str(tmp_path / "out.ply")]
    assert main(["splats", str(tmp_path / "scene.ply"), *words]) == 0
    after, right = read_file(tmp_path / "out.ply"), (splats.means[:, 0] > 0).numpy()
    wanted = ((0.5 + SH_C0 * after.splats.sh[:, 0].numpy()).clip(0, 1) * 255).round()
    assert np.array_equal(after.extra["green"][right], wanted[right, 1])
    assert (after.extra["green"][~right] == 7).all()


def test_what_another_format_cannot_hold_is_said(tmp_path, make_splats, capsys, ply, table):
    content = ply(table(make_splats(0, 9, 0), obj_id=("int", np.arange(9))), ("SplatRenderMode: mip",))
    (tmp_path / "scene.ply").write_bytes(content)
    convert(tmp_path / "scene.ply", tmp_path / "scene.splat")
    said = capsys.readouterr().err
    assert "obj_id" in said
    assert "anti-aliasing" in said


@pytest.mark.parametrize(
    ("kind", "greatest"), [("uchar", 255), ("ushort", 65535), ("float", 1), ("double", 1), ("float", 255)]
)
def test_files_with_colours_in_place_of_harmonics_are_read(tmp_path, make_splats, kind, greatest, ply, table):
    splats = make_splats(0, 20, 0)
    color = np.random.default_rng(0).integers(0, 256, (20, 3)) / 255
    values = np.rint(color * greatest) if kind.startswith("u") else color * greatest
    columns = {name: column for name, column in table(splats).items() if not name.startswith("f_dc")}
    columns |= {name: (kind, values[:, i]) for i, name in enumerate(("red", "green", "blue"))}
    (tmp_path / "scene.ply").write_bytes(ply(columns))
    read = read_splats(tmp_path / "scene.ply")
    assert np.allclose(0.5 + SH_C0 * read.sh[:, 0].numpy(), color, atol=1e-5)
    assert torch.equal(read.means, splats.means)


@pytest.mark.parametrize(
    ("comment", "antialiased"),
    [
        ("SplatRenderMode: mip", True),
        ("splatrendermode:MIP ", True),
        ("antialiased 1", True),
        ("antialiased 0", False),
        ("SplatRenderMode: default", False),
        ("SplatRenderMode: 2dgs", False),
        ("not antialiased 1", False),
    ],
)
def test_a_comment_says_how_a_scene_is_drawn(tmp_path, make_splats, comment, antialiased, ply, table):
    (tmp_path / "scene.ply").write_bytes(ply(table(make_splats(0, 9, 0)), (comment, "by hand")))
    contents = read_file(tmp_path / "scene.ply")
    assert contents.antialiased == antialiased
    assert "by hand" in contents.comments
    for name in ("again.ply", "again.spz"):
        convert(tmp_path / "scene.ply", tmp_path / name)
        assert read_file(tmp_path / name).antialiased == antialiased
    assert (b"SplatRenderMode: mip" in (tmp_path / "again.ply").read_bytes()) == antialiased


def test_an_unknown_way_to_draw_is_said(tmp_path, make_splats, capsys, ply, table):
    (tmp_path / "scene.ply").write_bytes(ply(table(make_splats(0, 9, 0)), ("SplatRenderMode: banana",)))
    read_splats(tmp_path / "scene.ply")
    assert "banana" in capsys.readouterr().err


def test_mip_splattings_filter_widens_and_thins(tmp_path, make_splats, ply, table):
    splats = make_splats(3, 25, 0)
    width = np.random.default_rng(0).uniform(0, 0.05, 25).astype(np.float32)
    (tmp_path / "scene.ply").write_bytes(ply(table(splats, filter_3D=("float", width))))
    contents = read_file(tmp_path / "scene.ply")
    assert contents.antialiased
    drawn, square = contents.drawn, splats.scales.double() ** 2
    wide = square + torch.from_numpy(width).double()[:, None] ** 2
    assert torch.allclose(drawn.scales.double(), wide.sqrt(), rtol=1e-5)
    thinned = splats.opacities.double() * (square.prod(1) / wide.prod(1)).sqrt()
    assert torch.allclose(drawn.opacities.double(), thinned, rtol=1e-4, atol=1e-9)
    convert(tmp_path / "scene.ply", tmp_path / "again.ply")  # kept as it is, so that it is applied once
    assert same_bits(read_file(tmp_path / "again.ply").splats, splats)
    assert same_bits(read_splats(tmp_path / "again.ply"), drawn)
    convert(tmp_path / "scene.ply", tmp_path / "again.splat")
    assert torch.allclose(read_splats(tmp_path / "again.splat").log_scales, drawn.log_scales, atol=1e-4)


def broken(splats: Splats, name: str, row: int, value: float) -> Splats:
    values = getattr(splats, name).clone()
    values[row] = value
    return replace(splats, **{name: values})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("means", torch.nan), ("means", torch.inf), ("means", 1e20), ("log_scales", torch.inf), ("log_scales", 60.0),
        ("log_scales", torch.nan), ("quats", torch.nan), ("quats", 0.0), ("quats", torch.inf),
        ("opacity_logits", torch.nan), ("sh", torch.nan), ("sh", -torch.inf), ("sh", 1e30),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_left_out_and_counted(tmp_path, make_splats, name, value, capsys, ply, table):
    splats = make_splats(0, 12, 0)
    content = ply(table(broken(broken(splats, name, 5, value), name, 9, value), id=("int", np.arange(12))))
    (tmp_path / "scene.ply").write_bytes(content)
    contents = read_file(tmp_path / "scene.ply")
    kept = torch.tensor([index not in (5, 9) for index in range(12)])
    assert same_bits(contents.splats, SplatFile(splats).only(kept).splats)
    assert contents.extra["id"].tolist() == [index for index in range(12) if index not in (5, 9)]
    read_splats(tmp_path / "scene.ply")
    assert "2 of 12 Gaussians (the first is number 5" in capsys.readouterr().err


def test_infinite_opacities_and_flat_gaussians_are_what_they_mean(tmp_path, make_splats, capsys, ply, table):
    splats = broken(make_splats(0, 12, 0), "opacity_logits", 2, torch.inf)
    splats = broken(broken(splats, "opacity_logits", 3, -torch.inf), "log_scales", 7, -torch.inf)
    (tmp_path / "scene.ply").write_bytes(ply(table(splats)))
    read = read_splats(tmp_path / "scene.ply")
    assert capsys.readouterr().err == ""
    assert float(read.opacities[2]) == 1.0
    assert float(read.opacities[3]) < 1e-8
    assert (read.log_scales[7] == FLAT).all()
    others = torch.tensor([index not in (2, 3, 7) for index in range(12)])
    assert same_bits(SplatFile(read).only(others).splats, SplatFile(splats).only(others).splats)
    write_splats(tmp_path / "again.ply", read)
    assert same_bits(read_splats(tmp_path / "again.ply"), read)


def test_short_and_long_rotations_are_rotations(tmp_path, make_splats, ply, table):
    splats = make_splats(0, 6, 0)
    for row, factor in ((1, 1e-30), (2, 1e25)):
        splats = replace(splats, quats=splats.quats.clone())
        splats.quats[row] *= factor
    (tmp_path / "scene.ply").write_bytes(ply(table(splats)))
    read = read_splats(tmp_path / "scene.ply").quats
    wanted = splats.quats.double() / splats.quats.double().norm(dim=1, keepdim=True)
    assert torch.allclose(torch.nn.functional.normalize(read), wanted.float(), atol=1e-6)


def test_a_file_of_which_nothing_can_be_drawn_is_refused(tmp_path, make_splats, ply, table):
    splats = make_splats(0, 3, 0)
    (tmp_path / "scene.ply").write_bytes(ply(table(replace(splats, means=splats.means * torch.nan))))
    with pytest.raises(DataError, match="all 3 of them"):
        read_splats(tmp_path / "scene.ply")


def test_gaussians_of_two_scales_are_flat(tmp_path, make_splats, ply, table):
    splats = make_splats(0, 8, 0)
    columns = {name: column for name, column in table(splats).items() if name != "scale_2"}
    (tmp_path / "scene.ply").write_bytes(ply(columns, ("SplatRenderMode: 2dgs",)))
    read = read_splats(tmp_path / "scene.ply")
    assert torch.equal(read.log_scales[:, :2], splats.log_scales[:, :2])
    assert (read.log_scales[:, 2] == FLAT).all()


def test_harmonics_of_degree_four_are_cut_and_that_is_said(tmp_path, make_splats, capsys, ply, table):
    splats = make_splats(0, 7, 0)
    rest = np.random.default_rng(1).normal(size=(7, 3, 24)).astype(np.float32)
    columns = table(splats) | {f"f_rest_{i}": ("float", rest.reshape(7, 72)[:, i]) for i in range(72)}
    (tmp_path / "scene.ply").write_bytes(ply(columns))
    read = read_splats(tmp_path / "scene.ply")
    assert np.array_equal(read.sh[:, 1:].numpy(), rest[:, :, :15].transpose(0, 2, 1))
    assert "degree 4" in capsys.readouterr().err


def test_opacities_that_are_no_logits_are_said(tmp_path, make_splats, capsys, ply, table):
    splats = make_splats(0, 200, 0)
    (tmp_path / "scene.ply").write_bytes(ply(table(replace(splats, opacity_logits=splats.opacities))))
    read_splats(tmp_path / "scene.ply")
    assert "0..1" in capsys.readouterr().err


@pytest.mark.parametrize(("count", "code"), [("uchar", "u1"), ("int", "i4")])
def test_lists_before_the_gaussians_are_passed_over(tmp_path, make_splats, count, code, ply, table):
    splats = make_splats(0, 7, 0)
    faces = b"".join(np.array(n, f"<{code}").tobytes() + np.arange(n, dtype="<i4").tobytes() for n in (3, 0, 4))
    header = ("element face 3", f"property list {count} int vertex_indices")
    (tmp_path / "scene.ply").write_bytes(ply(table(splats), before=faces, before_header=header))
    contents = read_file(tmp_path / "scene.ply")
    assert same_bits(contents.splats, splats)
    assert any("face" in note for note in contents.notes)
    path = tmp_path / "lies.ply"
    path.write_bytes(ply(table(splats), before_header=("element face 0", header[1])))
    assert same_bits(read_splats(path), splats)
    for lie in (b"\xff" * 12, faces[:-2]):
        path.write_bytes(ply(table(splats), before=lie, before_header=header))
        with pytest.raises(DataError):
            read_file(path)
    path.write_bytes(ply(table(splats), before=faces, before_header=("element face 999999999", header[1])))
    with pytest.raises(DataError, match="passed over"):
        read_file(path)


def test_comments_too_long_to_be_read_again_are_not_written(tmp_path, make_splats):
    contents = SplatFile(make_splats(0), comments=("x" * 70_000,), antialiased=True)
    write_splats(tmp_path / "scene.ply", contents)
    assert read_file(tmp_path / "scene.ply").antialiased


@pytest.mark.parametrize("comment", ["日本", "a\nelement vertex 5", "x\r\nproperty float y", "up: z \x85"])
def test_no_comment_breaks_a_header(tmp_path, make_splats, comment):
    """Those of a run are named by its configuration, which anybody may have written."""
    write_splats(tmp_path / "a.ply", SplatFile(make_splats(0), comments=(comment, "by hand")))
    contents = read_file(tmp_path / "a.ply")
    assert len(contents.comments) == 2
    assert contents.comments[1] == "by hand"
    assert contents.comments[0][:1] in (comment[0], "?")


def test_a_scene_that_is_edited_keeps_how_it_is_drawn_and_its_comments(tmp_path, make_splats, ply, table):
    splats = replace(make_splats(0, 60, 0), log_scales=torch.full((60, 3), -6.0))
    for name, comments in (("plain", ()), ("mip", ("SplatRenderMode: mip", "Vertical Axis: z", "by Müller"))):
        (tmp_path / f"{name}.ply").write_bytes(ply(table(splats), comments))
    around = Around(cameras=3, side=32)
    shown = [FileViews(tmp_path / f"{name}.ply", tmp_path / name, around).small(32) for name in ("plain", "mip")]
    assert torch.stack(shown[1]).mean() < 0.8 * torch.stack(shown[0]).mean()  # specks, whose blur is taken back
    _, run = open_scene_file(tmp_path / "mip.ply", tmp_path / "runs", around)
    out = tmp_path / "out.ply"
    assert main(["export", str(run), "--format", "splats", "--output", str(out)]) == 0
    contents = read_file(out)
    assert contents.antialiased
    assert [text.encode("latin-1").decode() for text in contents.comments] == ["Vertical Axis: z", "by Müller"]


@pytest.mark.parametrize("name", ["scene.ksplat", "scene.gltf", "scene.lcc"])
def test_a_kind_that_is_not_read_is_named_with_what_to_do(tmp_path, name, capsys):
    (tmp_path / name).write_bytes(b"x" * 100)
    for words in (["edit", str(tmp_path / name), "--instruction", "make it red"], ["export", str(tmp_path / name)]):
        assert main([*words, "--output", str(tmp_path / "out.ply")]) == 2
        said = capsys.readouterr().err
        assert Path(name).suffix in said
        assert any(remedy in said for remedy in ("splat-transform", "editor3d mesh style", "that it was made from"))
