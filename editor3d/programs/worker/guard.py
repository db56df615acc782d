"""Check what a program must not change: how the scene is rendered, and the process itself.

Runs inside the worker. `snapshot` is taken before a program and after it; `difference` names the first thing that is
not as it was. `excess` finds what would cost too much to render.
"""

from __future__ import annotations

import builtins
import colorsys
import math
import os
import random
import sys
import threading
from typing import Any

import bpy
import mathutils

from editor3d.programs.worker import versions
from editor3d.programs.worker.scene import simple

MAX_SUBDIVISIONS, MAX_COPIES, MAX_NODE_LEVEL, MAX_OBJECTS = 6, 1000, 8, 20_000
_WITH_FILES = ("images", "sounds", "movieclips", "cache_files", "volumes", "fonts", "libraries")
_BUILT_IN = "<builtin>"
"""Blender's own font, which it makes a datablock of with the first text."""
FORBIDDEN_NODES = ("CompositorNodeOutputFile", "ShaderNodeScript", "GeometryNodeImport")
"""How the types of nodes begin that write files, run code, or read files."""
_WITH_DRIVERS = (
    "objects",
    "scenes",
    "materials",
    "node_groups",
    "lights",
    "worlds",
    "shape_keys",
    "meshes",
    "cameras",
    "curves",
)
_MODULES = (math, random, colorsys, mathutils, mathutils.noise, mathutils.geometry, bpy, sys, os)
_registered: list[str] = []


def watch_timers() -> None:
    """Count what is registered with `bpy.app.timers`, which cannot be listed."""
    register = bpy.app.timers.register

    def counted(function, **options):
        _registered.append(getattr(function, "__name__", "?"))
        return register(function, **options)

    bpy.app.timers.register = counted


def snapshot() -> dict[str, Any]:
    """Everything that a program must leave alone, by the name that a message gives it."""
    scene = bpy.context.scene
    render = simple(scene.render)
    sizes = {name: render.pop(name) for name in ("resolution_x", "resolution_y", "resolution_percentage")}
    return {
        "the scene": (
            scene.name,
            bpy.context.view_layer.name,
            [other.name for other in bpy.data.scenes],
            [w.name for w in bpy.data.workspaces],
        ),
        "the resolution": sizes,
        "the sampling": simple(scene.cycles) if hasattr(scene, "cycles") else None,
        "the output settings": (render, simple(scene.render.image_settings)),
        "the frame": (scene.frame_current, scene.frame_subframe),
        "the view layers": [simple(layer) for layer in scene.view_layers],
        "the camera": _camera(scene.camera),
        "paths of files": _files(),
        "text blocks": [(text.name, text.as_string()) for text in bpy.data.texts],
        "drivers": _drivers(),
        "nodes that run code, or read or write files": _forbidden_nodes(),
        "handlers": {name: list(map(repr, found)) for name, found in _handlers()},
        "timers": list(_registered),
        "the driver namespace": sorted(bpy.app.driver_namespace),
        "add-ons": sorted(bpy.context.preferences.addons.keys()),
        "preferences": _preferences(),
        "registered classes": _classes(),
        "threads": threading.active_count(),
        "built-in functions": {name: id(value) for name, value in vars(builtins).items()},
        "modules": {module.__name__: {n: id(v) for n, v in vars(module).items()} for module in _MODULES},
        "environment variables": dict(os.environ),
        "the working folder": os.getcwd(),
    }


def difference(before: dict[str, Any], after: dict[str, Any]) -> str | None:
    """The first thing that changed, or None."""
    return next((name for name in before if before[name] != after[name]), None)


def excess() -> str | None:
    """What would cost too much to evaluate, as a sentence; None where nothing would. Evaluates nothing itself."""
    if len(bpy.data.objects) > MAX_OBJECTS:
        return f"The scene has {len(bpy.data.objects)} objects; at most {MAX_OBJECTS} are allowed."
    for body in bpy.data.objects:
        for modifier in body.modifiers:
            levels = max(getattr(modifier, "levels", 0), getattr(modifier, "render_levels", 0))
            if levels > MAX_SUBDIVISIONS:
                return f"{body.name} is subdivided {levels} times; at most {MAX_SUBDIVISIONS} are allowed."
            if modifier.type == "ARRAY" and modifier.fit_type == "FIXED_COUNT" and modifier.count > MAX_COPIES:
                return f"{body.name} is repeated {modifier.count} times; at most {MAX_COPIES} are allowed."
    for tree in bpy.data.node_groups:
        for node in tree.nodes:
            level = node.inputs.get("Level") if node.bl_idname.startswith("GeometryNodeSubdivi") else None
            if level is not None and level.default_value > MAX_NODE_LEVEL:
                return f"{node.name} subdivides {level.default_value} times; at most {MAX_NODE_LEVEL} are allowed."
    return None


def _camera(camera: bpy.types.Object | None) -> Any:
    if camera is None or camera.data is None:
        return None
    chain = []
    link = camera
    while link is not None:
        followed = [simple(constraint) for constraint in link.constraints]
        chain.append((link.name, simple(link), [tuple(row) for row in link.matrix_parent_inverse], followed))
        if link.constraints or link.animation_data:
            bpy.context.view_layer.update()
            chain.append([tuple(row) for row in link.matrix_world])
        link = link.parent
    lens = camera.data
    focus = lens.dof.focus_object
    return chain, lens.name, simple(lens), simple(lens.dof), focus and [tuple(row) for row in focus.matrix_basis]


def _files() -> list[tuple[str, str, str]]:
    return [
        (kind, block.name, block.filepath)
        for kind in _WITH_FILES
        for block in getattr(bpy.data, kind)
        if (block.filepath and block.filepath != _BUILT_IN)
        or (kind == "images" and block.source != "GENERATED" and block.type == "IMAGE")
    ]


def _drivers() -> list[tuple[str, str, str]]:
    found = []
    for kind in _WITH_DRIVERS:
        for block in getattr(bpy.data, kind):
            for owner in (block, getattr(block, "node_tree", None)):
                data = getattr(owner, "animation_data", None)
                found += [(block.name, d.data_path, d.driver.expression) for d in data.drivers] if data else []
    return found


def _forbidden_nodes() -> list[tuple[str, str]]:
    trees = [*bpy.data.node_groups]
    for kind in ("materials", "lights", "worlds"):
        trees += [block.node_tree for block in getattr(bpy.data, kind) if block.node_tree is not None]
    trees += [tree for scene in bpy.data.scenes if (tree := versions.compositor(scene)) is not None]
    return [
        (tree.name, node.name) for tree in trees for node in tree.nodes if node.bl_idname.startswith(FORBIDDEN_NODES)
    ]


def _preferences() -> list[dict[str, Any]]:
    preferences = bpy.context.preferences
    sections = ("edit", "view", "inputs", "filepaths", "system", "experimental")
    found = [simple(section) for name in sections if (section := getattr(preferences, name, None)) is not None]
    return [*found, *(simple(addon.preferences) for addon in preferences.addons if addon.preferences is not None)]


def _handlers() -> list[tuple[str, list]]:
    return [
        (name, found) for name in dir(bpy.app.handlers) if isinstance(found := getattr(bpy.app.handlers, name), list)
    ]


def know_all_types() -> None:
    """Have Blender make the Python classes of all its types, which it otherwise does at their first use.

    Otherwise the first program that makes a tree of nodes would seem to have registered classes of its own.
    """
    for name in dir(bpy.types):
        getattr(bpy.types, name, None)


def _classes() -> list[tuple[str, int]]:
    """Blender's types by name, with those that are registered or made in Python."""
    types, found = bpy.types, list(dir(bpy.types))
    made = []
    for kind in (types.Operator, types.Panel, types.PropertyGroup, types.RenderEngine, types.Node, types.NodeTree):
        # the types of a node group's inputs are made when they are first read
        below = [one for one in kind.__subclasses__() if not one.__name__.startswith(versions.OF_EACH_GROUP)]
        made += [(one.__name__, id(one)) for one in below]
    given = [(kind.__name__, len(kind.bl_rna.properties)) for kind in types.ID.__subclasses__()]
    return [*((name, 0) for name in found), *sorted(made), *sorted(given)]
