# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Materials, lights and geometry nodes as a program of plain assignments, and a refined program as typed changes.

A program that comes back is never run: it must assign the same places in the same order, and only its literals are
taken over.
"""

import ast
import math

import bpy

from .materials import has_nodes

MAX_ENTRIES = 200
_LEFT_OUT = (
    "Subsurface",
    "Anisotropic",
    "Thin Film",
    "Weight",
    "Tangent",
    "Normal",
    "Clearcoat Normal",
    "Diffuse Rough",
)
_ALWAYS = ("Base Color", "Metallic", "Roughness", "IOR", "Alpha", "Emission Strength")
"""Of the Principled BSDF: what Blender 4.0 did not rename. The engine's Blender is newer than that."""
_NUMBERS = tuple(f"NodeSocket{kind}" for kind in ("Float", "Int", "Vector", "Color", "Rotation"))
"""Inputs of a modifier whose values a search may turn."""
_SOCKETS = {"VALUE": 1, "INT": 1, "RGBA": 4, "VECTOR": 3}


class ProgramError(Exception):
    """A program that cannot be applied, in one sentence."""


class Entry:
    """One value of the scene: where it is, and what it is now (a number, a whole number or a tuple of numbers).

    path: names of attributes, and ("at", key) for lookups, from `bpy.data` on.
    """

    def __init__(self, path, value):
        self.path, self.value = tuple(path), value

    @property
    def target(self):
        """The place as Python text."""
        text = "bpy.data"
        for part in self.path:
            text += f"[{part[1]!r}]" if isinstance(part, tuple) else f".{part}"
        return text

    def assign(self, value):
        """Put a value there."""
        owner = bpy.data
        for part in self.path[:-1]:
            owner = owner[part[1]] if isinstance(part, tuple) else getattr(owner, part)
        last = self.path[-1]
        if isinstance(last, tuple):
            owner[last[1]] = value
        else:
            setattr(owner, last, value)


def at(key):
    """A lookup in a path."""
    return ("at", key)


def entries_of(context, part):
    """What a program may change.

    Args:
        part: MATERIAL or GEOMETRY of the selected objects, or LIGHTS: the selected ones, all where none is.

    Raises:
        ProgramError: there is nothing of that kind.
    """
    made = {"MATERIAL": _materials, "LIGHTS": _lights, "GEOMETRY": _geometry}[part](context)
    entries, seen = [], set()
    for entry in made:
        if entry.path not in seen:
            seen.add(entry.path)
            entries.append(entry)
    if not entries:
        message = {
            "MATERIAL": "Select an object whose material has nodes.",
            "LIGHTS": "There is no light in the scene.",
            "GEOMETRY": "Select an object with a geometry-nodes modifier.",
        }
        raise ProgramError(message[part])
    return entries[:MAX_ENTRIES]


def source_of(entries):
    """The program: one assignment an entry."""
    lines = ["import bpy", ""]
    lines += [f"{entry.target} = {entry.value!r}" for entry in entries]
    return "\n".join(lines) + "\n"


def changes_in(source, entries):
    """What a refined program changes: (entry, new value).

    Raises:
        ProgramError: it assigns other places, or other kinds of values.
    """
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError) as error:
        raise ProgramError("The refined program is not Python.") from error
    assigned = [line for line in body if not isinstance(line, (ast.Import, ast.Expr))]
    if len(assigned) != len(entries):
        raise ProgramError("The refined program changes other things than it was given.")
    changes = []
    for line, entry in zip(assigned, entries):  # noqa: B905 equally long
        value = _literal(line, entry)
        if value != entry.value:
            changes.append((entry, value))
    return changes


def _literal(line, entry):
    same = isinstance(line, ast.Assign) and len(line.targets) == 1
    if not same or ast.unparse(line.targets[0]) != ast.unparse(ast.parse(entry.target, mode="eval").body):
        raise ProgramError("The refined program changes other things than it was given.")
    try:
        value = ast.literal_eval(line.value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise ProgramError(f"The refined program computes {entry.target}: only plain values are taken.") from error
    if isinstance(entry.value, tuple):
        good = isinstance(value, (tuple, list)) and len(value) == len(entry.value) and all(map(_finite, value))
        if good:
            return tuple(float(number) for number in value)
    elif _finite(value):
        return round(value) if isinstance(entry.value, int) else float(value)
    raise ProgramError(f"The refined program gives {entry.target} another kind of value.")


def _finite(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def apply(changes):
    """Put changed values into the scene; names of what is gone are returned."""
    gone = []
    for entry, value in changes:
        try:
            entry.assign(value)
        except (KeyError, IndexError, AttributeError, TypeError, ValueError):
            gone.append(entry.target)
    for thing in bpy.data.objects:
        if any(modifier.type == "NODES" for modifier in thing.modifiers):
            thing.update_tag()
    return gone


def _materials(context):
    for thing in context.selected_objects:
        for slot in thing.material_slots:
            material = slot.material
            if material is not None and has_nodes(material) and material.library is None:
                yield from _tree(material.node_tree, ("materials", at(material.name), "node_tree"))


def _lights(context):
    chosen = [thing for thing in context.selected_objects if thing.type == "LIGHT"]
    for thing in chosen or [thing for thing in context.scene.objects if thing.type == "LIGHT"]:
        lamp = thing.data
        if lamp.library is not None or thing.library is not None:
            continue
        here = ("lights", at(lamp.name))
        yield Entry((*here, "energy"), _number(lamp.energy))
        yield Entry((*here, "color"), _numbers(lamp.color))
        for name in {"SPOT": ("spot_size", "spot_blend"), "AREA": ("size",), "SUN": ("angle",)}.get(lamp.type, ()):
            yield Entry((*here, name), _number(getattr(lamp, name)))
        place = ("objects", at(thing.name))
        if lamp.type != "SUN":
            yield Entry((*place, "location"), _numbers(thing.location))
        if lamp.type != "POINT" and thing.rotation_mode not in ("QUATERNION", "AXIS_ANGLE"):
            yield Entry((*place, "rotation_euler"), _numbers(thing.rotation_euler))
    world = context.scene.world
    if world is not None and has_nodes(world) and world.library is None:
        yield from _tree(world.node_tree, ("worlds", at(world.name), "node_tree"))


def _geometry(context):
    for thing in context.selected_objects:
        for modifier in thing.modifiers:
            if modifier.type != "NODES" or modifier.node_group is None or thing.library is not None:
                continue
            here = ("objects", at(thing.name), "modifiers", at(modifier.name))
            for path, value in _inputs(modifier):
                if isinstance(value, (int, float)):
                    yield Entry((*here, *path), value if isinstance(value, int) else _number(value))
                else:
                    yield Entry((*here, *path), _numbers(value))
            yield from _tree(modifier.node_group, ("node_groups", at(modifier.node_group.name)))


def _inputs(modifier):
    """Where the values of a modifier's inputs lie, seen from it, and what they are."""
    group = modifier.node_group
    if bpy.app.version >= (4, 0, 0):
        sockets = [item for item in group.interface.items_tree if item.item_type == "SOCKET" and item.in_out == "INPUT"]
        numbers = {item.identifier for item in sockets if item.socket_type.startswith(_NUMBERS)}
    else:
        numbers = {item.identifier for item in group.inputs if item.bl_socket_idname.startswith(_NUMBERS)}
    if bpy.app.version >= (5, 2, 0):  # properties of their own, and none of the modifier's
        for key in modifier.properties.inputs.bl_rna.properties.keys():  # noqa: SIM118 not a dictionary
            if key in numbers:
                holder = getattr(modifier.properties.inputs, key)
                if holder.type != "ATTRIBUTE":
                    yield ("properties", "inputs", key, "value"), holder.value
        return
    for key, value in modifier.items():
        if key in numbers:
            yield (at(key),), value


def _tree(tree, here, depth=0):
    """Values of the nodes of a tree and of the groups in it."""
    for node in tree.nodes:
        place = (*here, "nodes", at(node.name))
        if node.mute or node.bl_idname.startswith("NodeGroup"):
            continue
        names = [socket.name for socket in node.inputs]
        for index, socket in enumerate(node.inputs):
            if socket.type not in _SOCKETS or socket.is_linked or not socket.enabled or socket.hide_value:
                continue
            if node.bl_idname == "ShaderNodeBsdfPrincipled" and not _counts(socket.name):
                continue
            key = socket.name if names.count(socket.name) == 1 else index
            yield Entry((*place, "inputs", at(key), "default_value"), _value(socket))
        if node.bl_idname in ("ShaderNodeValue", "ShaderNodeRGB"):
            yield Entry((*place, "outputs", at(0), "default_value"), _value(node.outputs[0]))
        if node.bl_idname == "ShaderNodeValToRGB":
            for index, stop in enumerate(node.color_ramp.elements):
                stops = (*place, "color_ramp", "elements", at(index))
                yield Entry((*stops, "color"), _numbers(stop.color))
                yield Entry((*stops, "position"), _number(stop.position))
        group = getattr(node, "node_tree", None)
        if group is not None and group.library is None and depth < 4:
            yield from _tree(group, ("node_groups", at(group.name)), depth + 1)


def _counts(name):
    return name in _ALWAYS or (bpy.app.version >= (4, 0, 0) and not name.startswith(_LEFT_OUT))


def _value(socket):
    if socket.type == "INT":
        return int(socket.default_value)
    return _number(socket.default_value) if socket.type == "VALUE" else _numbers(socket.default_value)


def _number(value):
    """Six digits are what 32 bits hold for certain."""
    return float(f"{value:.6g}")


def _numbers(values):
    return tuple(map(_number, values))
