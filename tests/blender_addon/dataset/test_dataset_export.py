"""A scene exported from Blender is what the project's reader takes it for: poses, lens, depth and masks agree."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from editor3d.datasets import load_posed_images

SCENE = """
from mathutils import Matrix
for thing in list(bpy.data.objects):
    bpy.data.objects.remove(thing)
def add(name, make, **where):
    make(**where)
    bpy.context.object.name = name
    return bpy.context.object
floor = add("floor", bpy.ops.mesh.primitive_plane_add, size=6.0, location=(0, 0, -0.5))
box = add("box", bpy.ops.mesh.primitive_cube_add, size=1.0, location=(0.2, -0.1, 0.0), rotation=(0.1, 0.2, 0.3))
ball = add("ball", bpy.ops.mesh.primitive_uv_sphere_add, radius=0.3, location=(-0.9, 0.5, 0.0))
hidden = add("hidden", bpy.ops.mesh.primitive_cube_add, size=9.0, location=(0, 0, 0))
hidden.hide_render = True
bpy.ops.object.light_add(type="SUN", rotation=(0.4, 0.3, 0.0))
scene = bpy.context.scene
scene.render.resolution_x, scene.render.resolution_y = names["size"]
scene.render.resolution_percentage = 100
for key, value in names.get("render", {}).items():
    setattr(scene.render, key, value)
for number, (place, camera) in enumerate(names.get("cameras", ())):
    bpy.ops.object.camera_add(location=place)
    thing = bpy.context.object
    thing.rotation_euler = (-thing.location).to_track_quat("-Z", "Y").to_euler()
    for key, value in camera.items():
        setattr(thing.data, key, value)
    scene.camera = thing
for thing in bpy.context.selected_objects:
    thing.select_set(False)
for thing in (box, ball):
    thing.select_set(True)
bpy.context.view_layer.update()
corners = [list(box.matrix_world @ v.co) for v in box.data.vertices]
before = sorted(bpy.data.objects.keys())
temporary = sorted(os.listdir(os.environ["TMPDIR"]))
told = bpy.ops.editor3d.export_dataset(directory=names["output"], threads=2, **names["settings"])
box = [list(row) for row in box.matrix_world]
result = {"corners": corners, "box": box, "told": list(told), "unchanged": before == sorted(bpy.data.objects.keys())}
result["tidy"] = temporary == sorted(os.listdir(os.environ["TMPDIR"])) and len(temporary) > 0
"""


def test_an_orbit_reads_back_and_its_depth_is_the_scene(blender, tmp_path: Path):
    output = tmp_path / "capture"
    settings = {"views": "ORBIT", "count": 10, "samples": 1, "lowest": 10.0, "highest": 60.0}
    told = blender.run(SCENE, size=(64, 64), output=output, settings=settings)
    assert told["told"] == ["FINISHED"]
    assert told["unchanged"]
    assert told["tidy"]  # the Blender that renders takes its temporary folder with it
    posed = load_posed_images(output)
    assert posed.format == "nerfstudio"
    assert posed.objects == {"ball": 1, "box": 2} or posed.objects == {"box": 1, "ball": 2}
    assert len(posed.train_views) == 9
    assert posed.points is not None
    assert len(posed.points) > 1000
    assert np.abs(posed.points).max() <= 3.01  # on the floor, not on the hidden box round everything
    turn = np.array(told["box"])
    for view in posed.views:
        depth, labels = _depth(view, posed), np.asarray(Image.open(view.labels_path))
        pixel = depth.max() / view.fl_x  # its size in scene units, at the most
        assert np.asarray(Image.open(view.image_path).convert("L")).std() > 5.0
        on_box = _points(view, depth, labels == posed.objects["box"])
        assert len(on_box) > 200
        local = (on_box - turn[:3, 3]) @ np.linalg.inv(turn[:3, :3]).T
        assert np.abs(np.abs(local).max(-1) - 0.5).max() < 0.25 * pixel
        on_ball = _points(view, depth, labels == posed.objects["ball"])
        radius = np.linalg.norm(on_ball - [-0.9, 0.5, 0.0], axis=-1)
        assert np.all((radius > 0.3 * np.cos(np.pi / 16) ** 2 - 0.25 * pixel) & (radius < 0.3 + 0.25 * pixel))
        on_floor = _points(view, depth, labels == 0)
        assert np.abs(on_floor[:, 2] + 0.5).max() < 0.25 * pixel


@pytest.mark.parametrize(
    ("size", "render", "camera"),
    [
        ((64, 48), {}, {"lens": 40.0, "shift_x": 0.08, "shift_y": -0.05}),
        ((40, 64), {}, {"sensor_fit": "AUTO", "lens": 45.0, "shift_y": 0.1}),
        ((64, 40), {}, {"sensor_fit": "VERTICAL", "sensor_height": 20.0, "lens": 35.0, "shift_x": -0.1}),
        ((64, 64), {"pixel_aspect_x": 1.0, "pixel_aspect_y": 1.5}, {"lens": 40.0, "shift_x": 0.05, "shift_y": 0.06}),
        ((97, 75), {"resolution_percentage": 67}, {"sensor_fit": "HORIZONTAL", "lens": 40.0}),
    ],
)
def test_lenses_are_those_that_blender_renders_with(blender, tmp_path: Path, size, render, camera):
    """The rendered outline of the box, which is white on a black world, is where the exported lens puts its corners."""
    places = [(3.0 * np.cos(a), 3.0 * np.sin(a), 1.2) for a in (0.3, 1.5, 2.9, 4.4)]
    output = tmp_path / "capture"
    white = """
for thing in (floor, ball):
    thing.hide_render = True
scene.world.use_nodes = False
scene.world.color = (0, 0, 0)
glow = bpy.data.materials.new("glow")
glow.use_nodes = True
glow.node_tree.nodes.clear()
light = glow.node_tree.nodes.new("ShaderNodeEmission")
light.inputs["Strength"].default_value = 1.0
out = glow.node_tree.nodes.new("ShaderNodeOutputMaterial")
glow.node_tree.links.new(light.outputs[0], out.inputs["Surface"])
box.data.materials.append(glow)
scene.view_settings.view_transform = "Standard"
"""
    code = SCENE.replace("bpy.context.view_layer.update()", white + "bpy.context.view_layer.update()")
    cameras = [(place, camera) for place in places]
    told = blender.run(
        code, size=size, render=render, cameras=cameras, output=output, settings={"views": "CAMERAS", "samples": 32}
    )
    assert told["told"] == ["FINISHED"]
    posed = load_posed_images(output)
    for view in posed.views:
        picture = np.asarray(Image.open(view.image_path).convert("L"), float) / 255
        pixels, _ = _project(view, np.array(told["corners"]))
        rows, columns = np.nonzero(picture > 0.5)
        shown = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        expected = np.concatenate([pixels.min(0), pixels.max(0)]).clip(0, [view.width, view.height] * 2)
        assert np.abs(shown - expected).max() < 1.0, (view.name, shown, expected)
        labels = np.asarray(Image.open(view.labels_path))
        assert np.mean((labels == posed.objects["box"]) != (picture > 0.5)) < 0.05


def test_an_animated_camera_gives_its_frames(blender, tmp_path: Path):
    animate = """
camera = scene.camera
for frame, x in ((1, 3.0), (8, 2.0)):
    camera.location.x = x
    camera.keyframe_insert("location", frame=frame)
scene.frame_start, scene.frame_end = 1, 8
scene.frame_set(3)
"""
    code = SCENE.replace("corners = [", animate + "corners = [", 1)
    output = tmp_path / "capture"
    settings = {"views": "ANIMATION", "depth": False, "samples": 1}
    told = blender.run(code, size=(24, 24), cameras=[((3.0, 0.0, 1.0), {})], output=output, settings=settings)
    assert told["told"] == ["FINISHED"]
    posed = load_posed_images(output)
    places = np.array([view.c2w[:, 3] for view in sorted(posed.views, key=lambda v: v.name)])
    assert len(places) == 8
    assert places[[0, -1], 0] == pytest.approx([3.0, 2.0])
    assert (np.diff(places[:, 0]) < 0).all()
    assert all(view.depth_path is None for view in posed.views)


def test_what_cannot_be_exported_is_said(blender, tmp_path: Path):
    tell = """
    scene = bpy.context.scene
    scene.render.resolution_x = scene.render.resolution_y = 16
    def told(**settings):
        try:
            bpy.ops.editor3d.export_dataset(samples=1, **settings)
        except RuntimeError as error:
            return str(error)
    result["few"] = told(directory=names["output"], views="CAMERAS")
    bpy.data.cameras[0].type = "ORTHO"
    result["flat"] = told(directory=names["output"], views="ANIMATION")
    result["none"] = told()
    """
    told = blender.run(tell, output=tmp_path / "capture")
    assert "at least 4 views, got 1" in told["few"]
    assert "perspective cameras" in told["flat"]
    assert "Choose a folder" in told["none"]
    assert not list((tmp_path / "capture").glob("transforms.json"))


def _project(view, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels [N, 2] and z-depths [N] of points [N, 3]."""
    local = (points - view.c2w[:, 3]) @ view.c2w[:, :3]
    depth = -local[:, 2]
    x = view.fl_x * local[:, 0] / depth + view.cx
    y = view.fl_y * -local[:, 1] / depth + view.cy
    return np.stack([x, y], -1), depth


def _depth(view, posed) -> np.ndarray:
    return np.asarray(Image.open(view.depth_path)).astype(float) * posed.depth_scale


def _points(view, depth: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Points [N, 3] of the scene at the centres of those pixels [H, W] that are `shown`."""
    rows, columns = np.nonzero(shown & (depth > 0))
    x, y = (columns + 0.5 - view.cx) / view.fl_x, (view.cy - rows - 0.5) / view.fl_y
    local = np.stack([x, y, -np.ones(len(rows))], -1) * depth[rows, columns, None]
    return local @ view.c2w[:, :3].T + view.c2w[:, 3]


def test_files_are_what_nerfstudio_expects(blender, tmp_path: Path):
    output = tmp_path / "capture"
    blender.run(SCENE, size=(16, 16), output=output, settings={"views": "ORBIT", "count": 4, "samples": 1})
    body = json.loads((output / "transforms.json").read_text())
    frame = body["frames"][0]
    assert {"file_path", "transform_matrix", "depth_file_path", "labels_path", "fl_x", "cx", "w"} <= set(frame)
    with Image.open(output / frame["depth_file_path"]) as depth:
        assert depth.mode in ("I;16", "I")
