# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which faces of a mesh an edit is about: all, those of a slot that the sentence names, or what the scene marks."""

import colorsys
import re
from array import array

from mathutils import Vector
from mathutils.bvhtree import BVHTree

from . import materials

_HUES = ((15, "red"), (45, "orange"), (70, "yellow"), (165, "green"), (260, "blue"), (290, "purple"), (340, "pink"))
_NAMED = re.compile(
    r"\b(?:the|its|all)\s+((?:[\w-]+\s+){0,2}?[\w-]+)\s+(?:parts?|slots?|materials?|pieces?|areas?)\b", re.I
)


class FaceError(Exception):
    """There is no such face, in one sentence."""


class Faces:
    """which: 'b', one a polygon, or None for all. name: what they are called, "" for all. instruction: what is asked of
    them."""

    def __init__(self, which, name, instruction):
        self.which, self.name, self.instruction = which, name, instruction


def chosen(thing, where, instruction, inside=None):
    """The faces that a choice of the panel means.

    Args:
        where: AUTO, SELECTED, GROUP, MASK or INSIDE.
        inside: the mesh object that they lie in, for INSIDE.

    Raises:
        FaceError: there is none.
    """
    mesh = thing.data
    if where == "AUTO":
        return _named(thing, instruction)
    made = {"SELECTED": _selected, "GROUP": _in_group, "MASK": _masked, "INSIDE": _inside}[where]
    which, name = made(thing, mesh, inside)
    if not any(which):
        raise FaceError(f"{thing.name} has no face there ({name}): mark some, or choose another region.")
    return Faces(None if all(which) else which, name, instruction)


def _named(thing, instruction):
    """The slots that a sentence names: "the red part" by the material's name or its plain colour."""
    found = _NAMED.search(instruction)
    slots = thing.material_slots
    if found is None or len(slots) < 2:
        return Faces(None, "", instruction)
    words = found[1].lower().split()
    named = [i for i, slot in enumerate(slots) if slot.material and set(words) <= set(_words(slot.material.name))]
    if not named:
        named = [i for i, slot in enumerate(slots) if len(words) == 1 and words[0] == _color_name(slot.material)]
    if not named or len(named) == len(slots):
        return Faces(None, "", instruction)
    last = len(slots) - 1
    which = array("b", (min(p.material_index, last) in named for p in thing.data.polygons))
    if not any(which):
        return Faces(None, "", instruction)
    rest = instruction[: found.start()] + "it" + instruction[found.end() :]
    return Faces(which, ", ".join(slots[i].material.name for i in named), rest)


def _words(name):
    return re.split(r"[^a-z0-9]+", name.lower())


def _color_name(material):
    shader = materials.shader_of(material)
    if shader is None or shader.inputs["Base Color"].is_linked:
        return None
    hue, saturation, value = colorsys.rgb_to_hsv(
        *(max(0.0, c) ** (1 / 2.2) for c in shader.inputs["Base Color"].default_value[:3])
    )
    if saturation < 0.15:
        return "white" if value > 0.9 else "black" if value < 0.2 else "gray"
    return next((name for end, name in _HUES if 360.0 * hue < end), "red")


def _selected(thing, mesh, inside):
    if thing.mode == "EDIT":
        thing.update_from_editmode()
    which = array("b", bytes(len(mesh.polygons)))
    mesh.polygons.foreach_get("select", which)
    return which, "selected faces"


def _in_group(thing, mesh, inside):
    group = thing.vertex_groups.active
    if group is None:
        raise FaceError(f"{thing.name} has no vertex group.")
    there = [any(g.group == group.index and g.weight >= 0.5 for g in vertex.groups) for vertex in mesh.vertices]
    return array("b", (all(there[v] for v in p.vertices) for p in mesh.polygons)), f"vertex group {group.name}"


def _masked(thing, mesh, inside):
    layer = mesh.color_attributes.active_color
    if layer is None:
        raise FaceError(f"{thing.name} has no painted colours: paint the region white.")
    bright = [sum(item.color[:3]) / 3.0 >= 0.5 for item in layer.data]
    if layer.domain == "POINT":
        return array("b", (all(bright[v] for v in p.vertices) for p in mesh.polygons)), f"painted in {layer.name}"
    return array("b", (all(bright[c] for c in p.loop_indices) for p in mesh.polygons)), f"painted in {layer.name}"


def _inside(thing, mesh, inside):
    if inside is None or inside.type != "MESH" or inside == thing:
        raise FaceError("Choose another mesh, in which the region lies.")
    to_other = inside.matrix_world.inverted() @ thing.matrix_world
    tree = BVHTree.FromPolygons([v.co for v in inside.data.vertices], [p.vertices for p in inside.data.polygons])
    return array("b", (_encloses(tree, to_other @ p.center) for p in mesh.polygons)), f"inside {inside.name}"


def _encloses(tree, place):
    """Whether a ray from a place leaves through the surface an odd number of times."""
    along = Vector((0.521, 0.371, 0.769)).normalized()  # slanted, so that it meets no edge of what is built square
    count = 0
    hit = tree.ray_cast(place, along)
    while hit[0] is not None and count < 1000:
        count += 1
        hit = tree.ray_cast(hit[0] + 1e-5 * along, along)
    return count % 2 == 1
