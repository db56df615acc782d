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
        "cameras": [thing.name for thing in scene.objects if thing.type == "CAMERA"],
        "camera": scene.camera.name if scene.camera is not None else None,
    }


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
