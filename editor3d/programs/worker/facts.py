"""Collect what a user should know about a scene, in the process that copies it.

Imports bpy, and runs nothing of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bpy

from editor3d.programs.worker import versions

_MOST = 20
"""The most names that a note lists."""
_MOST_NAMES = 500
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
            menus = (
                [node for node in tree.nodes if node.bl_idname == "GeometryNodeMenuSwitch"] if kind == "MENU" else []
            )
            yield {
                "owner": thing.name,
                "modifier": modifier.name,
                "name": item.name,
                "identifier": item.identifier,
                "kind": kind,
                "low": getattr(item, "min_value", None),
                "high": getattr(item, "max_value", None),
                "choices": [entry.name for menu in menus[:1] for entry in menu.enum_items],
            }


def _shape_keys(thing: bpy.types.Object) -> Iterator[dict[str, Any]]:
    keys = getattr(thing.data, "shape_keys", None)
    for block in keys.key_blocks[1:] if keys is not None else ():
        limits = {"low": block.slider_min, "high": block.slider_max}
        yield {"owner": thing.name, "name": block.name, "identifier": block.name, "kind": "FLOAT", **limits}
