"""Splats into Blender and out again: bit for bit, and turned as the engine turns them, whatever Blender did to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gaussian.files import read_file
from gaussian.splats import Splats, concatenate, select, transform

COUNT = 300
NAMES = ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", *(f"f_rest_{k}" for k in range(45))]
NAMES += ["opacity", *(f"scale_{k}" for k in range(3)), *(f"rot_{k}" for k in range(4))]
PRELUDE = """
import numpy as np
from mathutils import Euler, Matrix, Vector
def write(path):
    assert bpy.ops.editor3d.export_splats(filepath=path) == {"FINISHED"}
assert bpy.ops.editor3d.import_splats(filepath=names["file"]) == {"FINISHED"}
thing = bpy.context.object
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Splats with harmonics of degree 3, normals of zero, a further property, another element and a comment."""
    generator = np.random.default_rng(0)
    kinds = [*((name, "<f4") for name in NAMES), ("label", "u1"), ("time", "<f8")]
    rows = np.zeros(COUNT, kinds)
    for name in NAMES:
        rows[name] = 0 if name.startswith("n") else generator.normal(size=COUNT)
    rows["label"], rows["time"] = generator.integers(0, 255, COUNT), generator.normal(size=COUNT)
    head = ["ply", "format binary_little_endian 1.0", "comment made by hand", f"element vertex {COUNT}"]
    head += [*(f"property float {name}" for name in NAMES), "property uchar label", "property double time"]
    head += ["element view 2", "property float number", "end_header\n"]
    path = tmp_path / "scene.ply"
    path.write_bytes("\n".join(head).encode() + rows.tobytes() + np.arange(2, dtype="<f4").tobytes())
    return path


def agree(found: Splats, expected: Splats, decibels: float = 60.0) -> None:
    """Every part of some splats is that of others: 20 log10(size of it / size of the difference) or better."""
    for name, tensor in expected.tensors.items():
        error = (found.tensors[name] - tensor).square().mean() / tensor.square().mean()
        assert -10.0 * torch.log10(error + 1e-20) >= decibels, name


def similarity(told: list[list[float]]) -> torch.Tensor:
    return torch.tensor(told, dtype=torch.float64)[:3]


def test_what_is_not_touched_keeps_every_bit(blender, file: Path, tmp_path: Path):
    told = blender.run(
        PRELUDE
        + """
write(names["out"])
result = {"type": thing.type, "names": sorted(a.name for a in thing.data.attributes)}
""",
        file=file,
        out=tmp_path / "out.ply",
    )
    assert (tmp_path / "out.ply").read_bytes() == file.read_bytes()
    assert {"radiance:base", "scale", "rotation", *(f"radiance:sh_{k}" for k in range(15))} <= set(told["names"])


def test_a_turned_object_is_what_the_engine_turns(blender, file: Path, tmp_path: Path):
    told = blender.run(
        PRELUDE
        + """
thing.matrix_world = Matrix.LocRotScale(Vector((1, 2, 3)), Euler((0.3, 0.5, -1.1)), Vector((1.5, 1.5, 1.5)))
bpy.context.view_layer.update()
write(names["out"])
result["matrix"] = [list(row) for row in thing.matrix_world]
""",
        file=file,
        out=tmp_path / "out.ply",
    )
    expected = transform(read_file(file).splats, similarity(told["matrix"]))
    agree(read_file(tmp_path / "out.ply").splats, expected)


def test_deleted_copied_joined_and_applied_splats_follow_their_points(blender, file: Path, tmp_path: Path):
    """An object that lost some and had others turned in edit mode, joined with a turned and shrunken copy."""
    told = blender.run(
        PRELUDE
        + """
import bmesh
turn = Matrix.LocRotScale(Vector((4, 0, 1)), Euler((0.2, -0.7, 0.4)), Vector((0.5, 0.5, 0.5)))
copy = thing.copy()
copy.data = thing.data.copy()
bpy.context.collection.objects.link(copy)
copy.matrix_world = turn
edited = bmesh.new()
edited.from_mesh(thing.data)
edited.verts.ensure_lookup_table()
bmesh.ops.delete(edited, geom=edited.verts[200:], context="VERTS")
edited.verts.ensure_lookup_table()
part = Euler((0.0, 0.0, 1.2)).to_matrix().to_4x4()
bmesh.ops.transform(edited, matrix=part, verts=edited.verts[:80])
edited.to_mesh(thing.data)
bpy.context.view_layer.update()
copy.select_set(True)
bpy.context.view_layer.objects.active = thing
bpy.ops.object.join()
result = {"count": len(thing.data.vertices), "turn": [list(r) for r in turn], "part": [list(r) for r in part]}
write(names["out"])
bpy.ops.editor3d.settle_splats()
write(names["settled"])
""",
        file=file,
        out=tmp_path / "out.ply",
        settled=tmp_path / "settled.ply",
    )
    assert told["count"] == 200 + COUNT
    whole = read_file(file).splats
    parts = [transform(select(whole, torch.arange(80)), similarity(told["part"])), select(whole, torch.arange(80, 200))]
    expected = concatenate([*parts, transform(whole, similarity(told["turn"]))])
    for name in ("out", "settled"):
        agree(read_file(tmp_path / f"{name}.ply").splats, expected)


def test_splats_that_were_only_moved_keep_the_bits_of_all_else(blender, file: Path, tmp_path: Path):
    blender.run(
        PRELUDE
        + """
thing.location = (1.0, 0.0, 0.0)
bpy.context.view_layer.update()
write(names["out"])
""",
        file=file,
        out=tmp_path / "out.ply",
    )
    before, after = read_file(file).splats, read_file(tmp_path / "out.ply").splats
    for name, tensor in before.tensors.items():
        assert torch.equal(after.tensors[name], tensor) == (name != "means"), name


def test_what_no_splat_can_follow_is_refused(blender, file: Path, tmp_path: Path):
    told = blender.run(
        """
def tried(call, **values):
    try:
        call(**values)
    except RuntimeError as error:
        return str(error)
bpy.ops.editor3d.import_splats(filepath=names["file"])
thing = bpy.context.object
for name, scale in (("sheared", (1, 2, 1)), ("mirrored", (-1, 1, 1))):
    thing.scale = scale
    bpy.context.view_layer.update()
    result[name] = tried(bpy.ops.editor3d.export_splats, filepath=names["out"])
for name, data in (("short", open(names["file"], "rb").read()[:5000]), ("text", b"ply\\nformat ascii 1.0\\n")):
    with open(names["out"], "wb") as file:
        file.write(data)
    result[name] = tried(bpy.ops.editor3d.import_splats, filepath=names["out"])
result["gone"] = tried(bpy.ops.editor3d.import_splats, filepath="/nowhere/scene.ply")
bpy.ops.object.select_all(action="DESELECT")
result["polls"] = bpy.ops.editor3d.export_splats.poll()
""",
        file=file,
        out=tmp_path / "out.ply",
    )
    assert told.pop("polls") is False
    assert "not mirrored or sheared" in told["sheared"]
    assert "not mirrored or sheared" in told["mirrored"]
    assert "ends early" in told["short"]
    assert "binary .ply of splats" in told["text"]
    assert "cannot be used" in told["gone"]


def test_a_result_of_splats_comes_in_step_by_step_and_leaves_without_a_trace(blender, file: Path):
    told = blender.run(
        """
work, splats = part("job.work"), part("formats.splats")
session = part("job.session").session
def came():
    outcome = work.Outcome()
    outcome.table = splats.read(open(names["file"], "rb").read())
    session.request = work.JobRequest("scene", "turn it into gold", "/captures/teapot", {}, {})
    session.phase = "running"
    session.take("done", outcome)
    told = [session.phase]
    wait(session, 10)
    return [*told, session.phase]
def kept():
    return {name: len(getattr(bpy.data, name)) for name in ("meshes", "pointclouds", "objects", "materials")}
before = kept()
result["came"] = came()
bpy.ops.editor3d.reject()
result["left"] = kept() == before
came()
bpy.ops.editor3d.accept()
thing = bpy.context.object
result["accepted"] = [len(thing.data.attributes["scale"].data), session.building is None, session.message]
""",
        file=file,
    )
    assert told["came"] == ["running", "pending"]
    assert told["left"]
    assert told["accepted"][:2] == [COUNT, True]
    assert f"{COUNT} splats" in told["accepted"][2]


def test_a_splat_is_drawn_as_an_ellipsoid_of_three_standard_deviations(blender, tmp_path: Path):
    """One flat splat; its own axes 0.5, 0.1 and 0.01 long, turned from x to y."""
    turn = [np.cos(np.pi / 4), 0, 0, np.sin(np.pi / 4)]
    values = {"x": 1, "y": 2, "z": 3, "f_dc_0": 1, "f_dc_1": 0, "f_dc_2": -1, "opacity": 4}
    values |= {f"scale_{k}": np.log(size) for k, size in enumerate((0.5, 0.1, 0.01))}
    values |= {f"rot_{k}": value for k, value in enumerate(turn)}
    head = ["ply", "format binary_little_endian 1.0", "element vertex 1", *(f"property float {n}" for n in values)]
    body = np.array(list(values.values()), np.float32).tobytes()
    (tmp_path / "one.ply").write_bytes("\n".join([*head, "end_header\n"]).encode() + body)
    told = blender.run(
        """
bpy.ops.editor3d.import_splats(filepath=names["file"])
thing = bpy.context.object
modifier = thing.modifiers[0]
(key,) = [item.identifier for item in modifier.node_group.interface.items_tree
          if item.name == "Ellipsoids in the viewport"]
modifier[key] = True
thing.update_tag()
places = []
for one in bpy.context.evaluated_depsgraph_get().object_instances:
    if one.is_instance and one.parent.name == thing.name:
        places += [list(one.matrix_world @ v.co) for v in one.object.data.vertices]
result = {"places": places, "bounces": bpy.context.scene.cycles.transparent_max_bounces}
""",
        file=tmp_path / "one.ply",
    )
    places = np.array(told["places"]) - [1, 2, 3]
    axes = places[:, [1, 0, 2]] / [0.5, 0.1, 0.01]
    # the corners of a body whose faces touch the ellipsoid of three standard deviations
    assert np.linalg.norm(axes, axis=1) == pytest.approx(3.0 / 0.7946545, rel=1e-3)
    assert told["bounces"] >= 128


def test_what_blender_changed_of_a_splat_is_written(blender, file: Path, tmp_path: Path):
    """Sizes and colours that geometry nodes or a script set are taken; all else keeps its bits."""
    blender.run(
        PRELUDE
        + """
layer = thing.data.attributes["scale"].data
layer[7].vector = (0.5, 0.25, 0.125)
colors = thing.data.attributes["radiance:base"].data
colors[9].color = (1.0, 2.0, 3.0, 0.5)
write(names["out"])
""",
        file=file,
        out=tmp_path / "out.ply",
    )
    before, after = read_file(file).splats, read_file(tmp_path / "out.ply").splats
    assert after.scales[7].tolist() == pytest.approx([0.5, 0.25, 0.125], rel=1e-6)
    assert after.sh[9, 0].tolist() == [1.0, 2.0, 3.0]
    assert after.opacities[9].item() == pytest.approx(0.5, abs=1e-6)
    same = torch.tensor([index not in (7, 9) for index in range(COUNT)])
    for name, tensor in before.tensors.items():
        assert torch.equal(after.tensors[name][same], tensor[same]), name
