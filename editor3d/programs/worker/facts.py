"""Collect what there is to know about a scene: for its user, in the process that copies it, and what each pixel of its
picture shows.

Imports bpy, and runs nothing of the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import bpy
import numpy as np
from mathutils import Vector

from editor3d.programs.worker import versions

_MOST = 20
"""The most names that a note lists."""
_MOST_NAMES = 500
MOST_SIDE = 256
"""Pixels of the longer side that rays are cast for; larger pictures take the nearest one's."""
_KINDS = {
    "NodeSocketFloat": "FLOAT",
    "NodeSocketInt": "INT",
    "NodeSocketVector": "VECTOR",
    "NodeSocketColor": "RGBA",
    "NodeSocketBool": "BOOLEAN",
    "NodeSocketRotation": "ROTATION",
    "NodeSocketMenu": "MENU",
}
"""How the types of sockets begin that a modifier shows as values."""


def facts() -> dict[str, Any]:
    """Of the open scene, as JSON: see `scene_notes` for what is made of them."""
    scene = bpy.context.scene
    return {
        "saved_by": list(bpy.data.version[:2]),
        "opened_by": list(bpy.app.version[:3]),
        "unknown_nodes": _unknown_nodes()[:_MOST],
        "gpu_compositor": versions.composes(scene) and getattr(scene.render, "compositor_device", "CPU") == "GPU",
        "still_drivers": _still_drivers()[:_MOST],
        "scripts": [text.name for text in bpy.data.texts if text.use_module][:_MOST],
        "scenes": [scene.name, len(bpy.data.scenes)],
        "aspect": _aspect(scene.render),
        "cameras": [thing.name for thing in scene.objects if thing.type == "CAMERA"],
        "camera": scene.camera.name if scene.camera is not None else None,
        "vocabulary": _vocabulary(scene),
    }


def _aspect(render: bpy.types.RenderSettings) -> float:
    """Width over height of the scene's own pictures."""
    return render.resolution_x * render.pixel_aspect_x / (render.resolution_y * render.pixel_aspect_y)


def _blocks() -> Iterator[bpy.types.ID]:
    for entry in bpy.data.bl_rna.properties:
        if entry.type == "COLLECTION":
            yield from getattr(bpy.data, entry.identifier)


def _unknown_nodes() -> list[str]:
    """Nodes of a kind that this Blender does not have."""
    found = []
    for block in _blocks():
        tree = block if isinstance(block, bpy.types.NodeTree) else getattr(block, "node_tree", None)
        for node in getattr(tree, "nodes", ()):
            if node.bl_idname in ("", "NodeUndefined") or not hasattr(bpy.types, node.bl_idname):
                found.append(f"{node.name} of {block.name}")
    return found


def _still_drivers() -> list[str]:
    """Drivers that only Python can evaluate, which stand still where scripts of files are not run."""
    found = []
    for block in _blocks():
        for owner in (block, getattr(block, "node_tree", None)):
            data = getattr(owner, "animation_data", None)
            for curve in data.drivers if data is not None else ():
                if curve.driver.type == "SCRIPTED" and not curve.driver.is_simple_expression:
                    found.append(f"{curve.data_path} of {block.name}")
    return found


def _vocabulary(scene: bpy.types.Scene) -> dict[str, Any]:
    """What things are called, as `Vocabulary.of` reads it."""
    things = list(scene.objects)[:_MOST_NAMES]
    inputs = [entry for thing in things for entry in (*_sockets(thing), *_shape_keys(thing))]
    return {
        "objects": {thing.name: thing.type for thing in things},
        "materials": [material.name for material in bpy.data.materials][:_MOST_NAMES],
        "inputs": inputs[:_MOST_NAMES],
    }


def _sockets(thing: bpy.types.Object) -> Iterator[dict[str, Any]]:
    for modifier in thing.modifiers:
        tree = modifier.node_group if modifier.type == "NODES" else None
        for item in tree.interface.items_tree if tree is not None else ():
            if item.item_type != "SOCKET" or item.in_out != "INPUT":
                continue
            kind = next((name for start, name in _KINDS.items() if item.socket_type.startswith(start)), None)
            if kind is None:
                continue
            yield {
                "owner": thing.name,
                "modifier": modifier.name,
                "name": item.name,
                "identifier": item.identifier,
                "kind": kind,
                "low": getattr(item, "min_value", None),
                "high": getattr(item, "max_value", None),
                "place": versions.place_of_input(item.identifier),
                **(versions.menu_of(modifier, item.identifier) if kind == "MENU" else {}),
            }


def _shape_keys(thing: bpy.types.Object) -> Iterator[dict[str, Any]]:
    keys = getattr(thing.data, "shape_keys", None)
    for block in keys.key_blocks[1:] if keys is not None else ():
        limits = {"low": block.slider_min, "high": block.slider_max}
        yield {"owner": thing.name, "name": block.name, "identifier": block.name, "kind": "FLOAT", **limits}


def labels(names: Sequence[str], percent: int) -> np.ndarray:
    """Which object each pixel shows, by a ray through its middle.

    Returns [H, W] uint8 of the picture's size: 1 + the index in `names`, else 0.

    What an object makes by its modifiers counts as the object, copies included. Glass hides what is behind it.

    Args:
        names: of objects, at most 255.
        percent: of the settings' width and height.
    """
    scene, graph = bpy.context.scene, bpy.context.evaluated_depsgraph_get()
    camera = scene.camera.evaluated_get(graph)
    width, height = (side * percent // 100 for side in (scene.render.resolution_x, scene.render.resolution_y))
    scale = min(1.0, MOST_SIDE / max(width, height))
    columns, rows = max(1, round(width * scale)), max(1, round(height * scale))
    right_top, right_bottom, left_bottom, left_top = camera.data.view_frame(scene=scene)
    world = camera.matrix_world.normalized()
    is_flat = camera.data.type == "ORTHO"
    known = {name: index + 1 for index, name in enumerate(names)}
    found = np.zeros((rows, columns), np.uint8)
    for row in range(rows):
        down = (row + 0.5) / rows
        left, right = left_top.lerp(left_bottom, down), right_top.lerp(right_bottom, down)
        for column in range(columns):
            point = left.lerp(right, (column + 0.5) / columns)
            if is_flat:
                origin, aim = world @ Vector((point.x, point.y, 0.0)), world.to_3x3() @ Vector((0.0, 0.0, -1.0))
            else:
                origin, aim = world.translation, (world.to_3x3() @ point).normalized()
            start = origin + aim * camera.data.clip_start
            hit, _, _, _, thing, _ = scene.ray_cast(graph, start, aim, distance=camera.data.clip_end)
            if hit and thing is not None:
                found[row, column] = known.get(thing.name, 0)
    across = (np.arange(width) * columns // width, np.arange(height) * rows // height)
    return found[np.ix_(across[1], across[0])]


def save_labels(path: str, names: Sequence[str], percent: int) -> None:
    """Write them as a grey picture."""
    found = labels(names, percent)
    image = bpy.data.images.new("labels", found.shape[1], found.shape[0], alpha=False)
    image.colorspace_settings.name = "Non-Color"
    pixels = np.ones((*found.shape, 4), np.float32)
    pixels[..., :3] = found[::-1, :, None] / 255.0
    image.pixels.foreach_set(pixels.ravel())
    image.filepath_raw, image.file_format = path, "PNG"
    image.save()
    bpy.data.images.remove(image)
