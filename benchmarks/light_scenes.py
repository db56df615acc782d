"""Save a scene of `light_words.py`, with a second camera: python light_scenes.py product|interior|SCENE.blend PATH."""

from __future__ import annotations

import os
import sys

import bpy  # pyright: ignore[reportMissingImports]
from mathutils import Vector

WALL, AIM = (0.75, 0.72, 0.66), (0.2, 0.0, 0.6)


def main(name: str, path: str) -> None:
    if name.endswith(".blend"):
        bpy.ops.wm.open_mainfile(filepath=name, load_ui=False, use_scripts=False)
    else:
        bpy.ops.wm.read_factory_settings(use_empty=True)
    {"product": product, "interior": interior}.get(name, given)(bpy.context.scene)
    bpy.context.scene.render.engine = "CYCLES"
    bpy.context.scene.view_settings.view_transform = "Standard"
    bpy.ops.wm.save_as_mainfile(filepath=path, compress=True)


def product(scene) -> None:
    """A bottle and a metal ball on a table, under two area lights and an environment of our own."""
    box("Table", (0, 0, -0.05), (8, 8, 0.1), (0.6, 0.58, 0.55))
    bpy.ops.mesh.primitive_cylinder_add(radius=0.5, depth=1.6, location=(0, 0, 0.8), vertices=48)
    paint(bpy.context.object, (0.1, 0.35, 0.2), 0.15)
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.35, location=(0.9, -0.5, 0.35))
    bpy.ops.object.shade_smooth()
    paint(bpy.context.object, (0.8, 0.75, 0.7), 0.2, 1.0)
    image = bpy.data.images.new("Studio", 64, 32, float_buffer=True)
    pixels = []
    for row in range(32):
        for column in range(64):
            window = 18 < row < 27 and 8 < column < 20
            up = row / 31
            pixels += [9.0, 8.5, 7.5, 1.0] if window else [0.3 + 0.1 * up, 0.3 + 0.15 * up, 0.28 + 0.3 * up, 1.0]
    image.pixels = pixels
    image.pack()
    tree = world(scene)
    texture = tree.nodes.new("ShaderNodeTexEnvironment")
    texture.image = image
    tree.links.new(texture.outputs["Color"], tree.nodes["Background"].inputs["Color"])
    tree.nodes["Background"].inputs["Strength"].default_value = 0.5
    lamp("Key", (2.5, -2.5, 3.5), (0, 0, 0.7), 60, 1.0)
    lamp("Fill", (-3, -1, 2), (0, 0, 0.7), 15, 2.0)
    scene.camera = camera("Camera", (2.6, -3.6, 2.0), AIM)
    camera("HeldOut", (-2.8, -3.0, 1.6), AIM)


def interior(scene) -> None:
    """A room with a row of windows on the left, the sun through them, and a lamp."""
    box("Floor", (0, 0, -0.05), (6, 6, 0.1), (0.35, 0.22, 0.12))
    box("Ceiling", (0, 0, 3.05), (6, 6, 0.1), WALL)
    box("Back", (0, 3, 1.5), (6, 0.1, 3), WALL)
    box("Right", (3, 0, 1.5), (0.1, 6, 3), WALL)
    for index, along in enumerate((-2.6, 0.0, 2.6)):
        box(f"Left{index}", (-3, along, 1.5), (0.1, 0.8, 3), WALL)
    box("Sill", (-3, 0, 0.4), (0.1, 6, 0.8), WALL)
    box("Lintel", (-3, 0, 2.75), (0.1, 6, 0.5), WALL)
    box("Sofa", (1.6, 1.4, 0.4), (1.2, 2.4, 0.8), (0.25, 0.3, 0.4))
    box("Table", (-0.4, 0.8, 0.3), (1, 1, 0.6), (0.5, 0.3, 0.15))
    sun = bpy.data.lights.new("Sun", "SUN")
    sun.energy = 4.0
    linked("Sun", sun, (0, 0, 5), (1.0, 0.25, 4.4))
    lamp("Lamp", (0.5, 0.5, 2.9), (0.5, 0.5, 0), 60, 0.6)
    sky = world(scene).nodes["Background"]
    sky.inputs["Color"].default_value = (0.6, 0.75, 1.0, 1)
    sky.inputs["Strength"].default_value = 1.5
    scene.camera = camera("Camera", (0.5, -2.9, 1.6), (0.2, 1.5, 1.0), 24)
    camera("HeldOut", (2.6, -2.6, 1.8), (-1.2, 1.2, 0.9), 24)


def given(scene) -> None:
    """Somebody's scene, seen from the other side too."""
    place = scene.camera.matrix_world.translation
    camera("HeldOut", (-place.x, place.y, place.z), (0, 0, 0.3))


def box(name: str, place, size, color) -> None:
    bpy.ops.mesh.primitive_cube_add(location=place)
    thing = bpy.context.object
    thing.name, thing.scale = name, [side / 2 for side in size]
    paint(thing, color)


def paint(thing, color, roughness: float = 0.4, metal: float = 0.0) -> None:
    material = bpy.data.materials.new(thing.name)
    material.use_nodes = True
    inputs = material.node_tree.nodes["Principled BSDF"].inputs
    inputs["Base Color"].default_value = (*color, 1)
    inputs["Roughness"].default_value, inputs["Metallic"].default_value = roughness, metal
    thing.data.materials.append(material)


def linked(name: str, data, place, aim):
    """An object at a place that looks at another one."""
    thing = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(thing)
    thing.location = place
    thing.rotation_euler = (Vector(aim) - Vector(place)).to_track_quat("-Z", "Y").to_euler()
    return thing


def camera(name: str, place, aim, lens: float = 45.0):
    thing = linked(name, bpy.data.cameras.new(name), place, aim)
    thing.data.lens = lens
    return thing


def lamp(name: str, place, aim, energy: float, size: float) -> None:
    light = bpy.data.lights.new(name, "AREA")
    light.energy, light.size = energy, size
    linked(name, light, place, aim)


def world(scene):
    made = bpy.data.worlds.new("World")
    made.use_nodes = True
    scene.world = made
    return made.node_tree


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
    # bpy can wait for ever in its own exit handlers
    os._exit(0)
