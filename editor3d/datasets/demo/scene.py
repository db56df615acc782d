"""The demo scene in Blender: the room, the table and its objects, light, and the edits of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Vector

from editor3d.datasets.demo import models
from editor3d.datasets.demo.materials import material
from editor3d.datasets.demo.nodes import linear
from editor3d.datasets.demo.shapes import Shape

CLOTH_HEIGHT = 0.008


@dataclass(frozen=True)
class Placement:
    """One thing of the scene. Its label, written into label pictures, is 0 for what has no name."""

    model: Callable[[], list[Shape]]
    label: int
    location: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turn: float = 0.0
    """Degrees about z."""


PLACEMENTS: dict[str, Placement] = {
    "teapot": Placement(models.teapot, 1, (-0.02, 0.02, CLOTH_HEIGHT), -12.0),
    "mug": Placement(models.mug, 2, (0.47, -0.33, 0.0), -35.0),
    "ball": Placement(models.ball, 3, (-0.50, -0.36, 0.0)),
    "books": Placement(models.books, 4, (0.43, 0.40, 0.0)),
    "vase": Placement(models.vase, 5, (-0.46, 0.47, 0.0)),
    "duck": Placement(models.duck, 6, (0.0, -0.6, 0.0), -60.0),
    "table": Placement(models.table, 7),
    "cloth": Placement(models.cloth, 8, turn=17.0),
    "room": Placement(models.room, 0),
}
HAT = Placement(models.hat, 9, (-0.02, 0.02, CLOTH_HEIGHT + 0.418))


def _mesh(name: str, shapes: Sequence[Shape]) -> bpy.types.Mesh:
    mesh = bpy.data.meshes.new(name)
    vertices, faces, slots = [], [], []
    names = list(dict.fromkeys(shape.material for shape in shapes))
    start = 0
    for shape in shapes:
        vertices.append(shape.vertices)
        faces += [tuple(index + start for index in face) for face in shape.faces]
        slots += [names.index(shape.material)] * len(shape.faces)
        start += len(shape.vertices)
    mesh.from_pydata(np.concatenate(vertices).tolist(), [], faces)
    mesh.uv_layers.new(name="UVMap").uv.foreach_set("vector", np.concatenate([s.uv for s in shapes]).ravel())
    for slot in names:
        mesh.materials.append(material(slot))
    mesh.polygons.foreach_set("material_index", slots)
    mesh.shade_smooth()
    mesh.set_sharp_from_angle(angle=np.radians(42.0))
    return mesh


def place(name: str, placement: Placement) -> bpy.types.Object:
    thing = bpy.data.objects.new(name, _mesh(name, placement.model()))
    thing.location = placement.location
    thing.rotation_euler.z = np.radians(placement.turn)
    thing.pass_index = placement.label
    bpy.context.collection.objects.link(thing)
    return thing


def _area_light(name: str, location: Sequence[float], size: float, watts: float, color: str) -> None:
    light = bpy.data.lights.new(name, "AREA")
    light.shape, light.size, light.energy, light.color = "DISK", size, watts, linear(color)[:3]
    lamp = bpy.data.objects.new(name, light)
    lamp.location = location
    lamp.rotation_euler = (-Vector(location)).to_track_quat("-Z", "Y").to_euler()
    lamp.visible_camera = False
    bpy.context.collection.objects.link(lamp)


def _world(zenith: str, horizon: str, strength: float) -> None:
    world = bpy.data.worlds.new("sky")
    world.use_nodes = True
    nodes, links = world.node_tree.nodes, world.node_tree.links
    background = nodes["Background"]
    background.inputs["Strength"].default_value = strength
    up = nodes.new("ShaderNodeSeparateXYZ")
    links.new(nodes.new("ShaderNodeTexCoord").outputs["Generated"], up.inputs[0])
    ramp = nodes.new("ShaderNodeValToRGB")
    links.new(up.outputs["Z"], ramp.inputs[0])
    for element, color in zip(ramp.color_ramp.elements, (horizon, zenith), strict=True):
        element.color = linear(color)
    links.new(ramp.outputs[0], background.inputs["Color"])
    bpy.context.scene.world = world


def build_scene() -> bpy.types.Scene:
    """Replace whatever Blender holds by the demo scene."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    for name, placement in PLACEMENTS.items():
        place(name, placement)
    _world("#e6ecf7", "#f7f2ea", 0.6)
    _area_light("window", (1.6, -1.9, 2.6), 1.2, 200.0, "#fff6e8")
    _area_light("fill", (-2.0, 1.6, 2.4), 2.0, 45.0, "#dfeaff")
    return bpy.context.scene


@dataclass(frozen=True)
class TrueEdit:
    """A change made to the scene itself: what a perfect editor and engine would bring about."""

    instruction: str
    object: str
    change: str
    apply: Callable[[], None]


def _remove() -> None:
    bpy.data.objects.remove(bpy.data.objects["mug"])


def _enlarge() -> None:
    # Models stand on their own z = 0, so a scaled one still stands on the table.
    bpy.data.objects["ball"].scale = (1.5, 1.5, 1.5)


def _put_hat() -> None:
    place("hat", HAT).rotation_euler = (np.radians(7.0), np.radians(-6.0), 0.0)


EDITS: dict[str, TrueEdit] = {
    "remove": TrueEdit("remove the mug", "mug", "The mug is taken away.", _remove),
    "enlarge": TrueEdit(
        "make the ball bigger", "ball", "The ball is 1.5 times as big and stands where it stood.", _enlarge
    ),
    "hat": TrueEdit("put a hat on the teapot", "teapot", "A purple top hat sits on the teapot's lid.", _put_hat),
}
