"""The subject in Blender: rigged, posed, dressed, lit, in a studio; and labels of its parts by exact ray casting."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix, Vector
from PIL import Image

from editor3d.datasets.demo import passes
from editor3d.datasets.demo.nodes import linear
from lab.subject import LABELS, figure
from lab.subject.cloth import GARMENTS

POSE: dict[str, tuple[tuple[str, float], ...]] = {
    "upper.L": (("Y", 16.0),),
    "fore.L": (("X", -18.0),),
    "upper.R": (("Y", -22.0), ("X", -8.0)),
    "fore.R": (("Y", -14.0), ("X", -92.0), ("Z", 40.0)),
}
"""Turns of each bone about the world's axes, degrees: the left arm hangs, the right forearm lies before the belly."""


def _material(name: str, color: str = "#808080", roughness: float = 0.85) -> bpy.types.Material:
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    shader = made.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = linear(color)
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Specular IOR Level"].default_value = 0.15
    return made


def _textured(name: str, picture: Image.Image) -> bpy.types.Material:
    made = _material(name)
    image = bpy.data.images.new(name, *picture.size)
    pixels = np.asarray(picture.convert("RGBA"), np.float32)[::-1] / 255.0
    image.pixels.foreach_set(pixels.ravel())
    image.pack()
    texture = made.node_tree.nodes.new("ShaderNodeTexImage")
    texture.image, texture.extension = image, "EXTEND"
    shader = made.node_tree.nodes["Principled BSDF"]
    made.node_tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    return made


def _object(name: str, vertices: np.ndarray, faces: np.ndarray, uv: np.ndarray | None = None) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices.tolist(), [], faces.tolist())
    if uv is not None:
        mesh.uv_layers.new(name="UVMap").uv.foreach_set("vector", uv[faces].astype(np.float32).ravel())
    mesh.shade_smooth()
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.collection.objects.link(thing)
    return thing


def _part_uv(mesh: figure.Mesh) -> np.ndarray:
    """UVs of a part without a texture of its own: round the body's axis and along it."""
    around = np.arctan2(mesh.vertices[:, 0], -mesh.vertices[:, 1]) / (2 * np.pi) + 0.5
    return np.stack([around, mesh.vertices[:, 2] / 1.9], -1)


def _rig() -> bpy.types.Object:
    data = bpy.data.armatures.new("rig")
    rig = bpy.data.objects.new("rig", data)
    bpy.context.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for name, (head, tail, parent) in figure.BONES.items():
        bone = data.edit_bones.new(name)
        bone.head, bone.tail = head, tail
        if parent:
            bone.parent = data.edit_bones[parent]
    bpy.ops.object.mode_set(mode="POSE")
    for name in figure.BONES:  # parents come first
        bone = rig.pose.bones[name]
        pivot = Matrix.Translation(bone.head)
        turn = Matrix.Identity(4)
        for axis, degrees in POSE.get(name, ()):
            turn = Matrix.Rotation(np.radians(degrees), 4, axis) @ turn
        bone.matrix = pivot @ turn @ pivot.inverted() @ bone.matrix
        bpy.context.view_layer.update()
    bpy.ops.object.mode_set(mode="OBJECT")
    return rig


def _skin(thing: bpy.types.Object, rig: bpy.types.Object, points: np.ndarray) -> None:
    for bone, shares in figure.weights(points).items():
        group = thing.vertex_groups.new(name=bone)
        for index in np.nonzero(shares > 1e-3)[0]:
            group.add([int(index)], float(shares[index]), "REPLACE")
    modifier = thing.modifiers.new("rig", "ARMATURE")
    modifier.object = rig
    thing.parent = rig


def _body_labels(points: np.ndarray) -> np.ndarray:
    """Label of skin at points [F, 3] in the rest pose."""
    x, y, z = points.T
    labels = np.full(len(points), LABELS["skin"], np.uint8)
    shares = figure.weights(points)
    arms = sum(shares[bone] for bone in ("upper.L", "fore.L", "upper.R", "fore.R"))
    labels[arms > 0.5] = LABELS["arms"]
    labels[(z > 1.56) & (y < 0.012 - 0.25 * np.clip(1.60 - z, 0, 1)) & (np.abs(x) < 0.082)] = LABELS["face"]
    return labels


def _face() -> list[tuple[str, bpy.types.Object]]:
    """Eyes, brows and lips, which lie on the head."""
    parts = []

    def ball(name: str, material: bpy.types.Material, centre: tuple, radii: tuple) -> None:
        bpy.ops.mesh.primitive_uv_sphere_add(segments=24, ring_count=12, radius=1.0, location=centre)
        thing = bpy.context.object
        thing.name, thing.scale = name, radii
        thing.data.materials.append(material)
        thing.data.shade_smooth()
        parts.append((name, thing))

    white, dark = _material("white", "#e9e6e0", 0.4), _material("iris", "#3b2a1e", 0.4)
    brown, lip = _material("brow", "#4a3426"), _material("lip", "#a8605a")
    for side in (-1.0, 1.0):
        ball("eye", white, (side * 0.031, -0.0835, 1.667), (0.0135, 0.0095, 0.0080))
        ball("iris", dark, (side * 0.031, -0.0905, 1.667), (0.0060, 0.0040, 0.0066))
        ball("brow", brown, (side * 0.033, -0.0935, 1.693), (0.019, 0.005, 0.0040))
    ball("mouth", lip, (0.0, -0.0945, 1.600), (0.022, 0.006, 0.0042))
    ball("mouth", lip, (0.0, -0.0945, 1.5935), (0.019, 0.006, 0.0045))
    return parts


def _studio() -> None:
    """A floor of boards and a round wall with soft fields of colour, so that there is something to line up by."""
    random = np.random.default_rng(3)
    fields = (
        np.array([0.60, 0.62, 0.64]) + random.uniform(-0.12, 0.12, (6, 24, 1)) + random.uniform(-0.03, 0.03, (6, 24, 3))
    ) * 255
    wall = Image.fromarray(fields.clip(0, 255).astype(np.uint8)).resize((768, 192), Image.Resampling.BICUBIC)
    boards = (np.array([0.50, 0.42, 0.35]) + random.uniform(-0.06, 0.06, (24, 6, 1))) * 255
    floor = Image.fromarray(boards.clip(0, 255).astype(np.uint8)).resize((384, 384), Image.Resampling.NEAREST)
    angle = np.linspace(0, 2 * np.pi, 65)
    ring = np.stack([3.2 * np.cos(angle), 3.2 * np.sin(angle)], -1)
    low, high = np.c_[ring, np.full(65, -0.01)], np.c_[ring, np.full(65, 3.4)]
    i = np.arange(64)
    faces = np.stack([i, i + 1, i + 66, i + 65], -1)
    uv = np.concatenate([np.c_[angle / (2 * np.pi), np.zeros(65)], np.c_[angle / (2 * np.pi), np.ones(65)]])
    _object("wall", np.concatenate([low, high]), faces, uv).data.materials.append(_textured("wall", wall))
    square = np.array([[-3.4, -3.4, 0.0], [3.4, -3.4, 0.0], [3.4, 3.4, 0.0], [-3.4, 3.4, 0.0]])
    uv = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    _object("floor", square, np.array([[0, 1, 2, 3]]), uv).data.materials.append(_textured("floor", floor))


def _light(location: tuple, size: float, watts: float, color: str) -> None:
    lamp = bpy.data.lights.new("lamp", "AREA")
    lamp.shape, lamp.size, lamp.energy, lamp.color = "DISK", size, watts, linear(color)[:3]
    thing = bpy.data.objects.new("lamp", lamp)
    thing.location = location
    thing.rotation_euler = (Vector((0.0, 0.0, 1.2)) - Vector(location)).to_track_quat("-Z", "Y").to_euler()
    thing.visible_camera = False
    bpy.context.collection.objects.link(thing)


def _sky(strength: float) -> None:
    world = bpy.data.worlds.new("sky")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = strength
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (1.0, 1.0, 1.0, 1.0)
    bpy.context.scene.world = world


def build_scene(garment: str) -> bpy.types.Scene:
    """Replace whatever Blender holds by the subject, wearing one of `GARMENTS`."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    _studio()
    rig = _rig()
    for name, mesh, color in (
        ("body", figure.body_mesh(), "#c99a7e"),
        ("trousers", figure.trousers_mesh(), "#3a4152"),
        ("hair", figure.hair_mesh(), "#4a3426"),
    ):
        thing = _object(name, mesh.vertices, mesh.faces, _part_uv(mesh))
        thing.data.materials.append(_material(name, color))
        _skin(thing, rig, mesh.vertices)
        centres = mesh.vertices[mesh.faces].mean(1)
        part = _body_labels(centres) if name == "body" else np.full(len(centres), LABELS[name], np.uint8)
        thing.data.attributes.new("label", "INT", "FACE").data.foreach_set("value", part.astype(np.int32))
    _dress(garment, rig)
    for _, thing in _face():
        faces = len(thing.data.polygons)
        values = np.full(faces, LABELS["face"], np.int32)
        thing.data.attributes.new("label", "INT", "FACE").data.foreach_set("value", values)
    _sky(0.75)
    _light((-1.6, -2.0, 2.7), 1.2, 95.0, "#fff4e6")
    _light((2.2, 1.4, 2.6), 1.6, 55.0, "#e6eeff")
    return bpy.context.scene


def _dress(garment: str, rig: bpy.types.Object | None) -> bpy.types.Object:
    mesh = figure.shirt_mesh()
    thing = _object("shirt", mesh.vertices, mesh.faces, figure.cloth_uv(mesh))
    thing.data.materials.append(_textured(garment, GARMENTS[garment]()))
    if rig is not None:
        _skin(thing, rig, mesh.vertices)
    values = np.full(len(mesh.faces), LABELS["garment"], np.int32)
    thing.data.attributes.new("label", "INT", "FACE").data.foreach_set("value", values)
    return thing


def build_garment(garment: str) -> bpy.types.Scene:
    """Replace whatever Blender holds by a shirt alone in even light, as a shop shows it."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    _dress(garment, None)
    _sky(0.9)
    return bpy.context.scene


def cast(scene: bpy.types.Scene, c2w: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """`editor3d.datasets.demo.passes.cast` with the labels of faces."""
    labels: dict[str, np.ndarray] = {}
    for thing in scene.objects:
        if thing.type == "MESH" and "label" in thing.data.attributes:
            labels[thing.name] = np.zeros(len(thing.data.polygons), np.int32)
            thing.data.attributes["label"].data.foreach_get("value", labels[thing.name])
    return passes.cast(scene, c2w, size, lambda thing, face: labels[thing.name][face] if thing.name in labels else 0)
