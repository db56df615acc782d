# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Blender's meshes as arrays, and styled arrays as Blender's meshes. Runs in Blender's own thread: arrays are moved
whole, and what takes longer is left to `glb`, in threads."""

from array import array

import bpy
from mathutils import Vector

from ..formats import glb
from . import materials

UV_NAME = "Editor3D"


class MeshError(Exception):
    """A mesh that cannot be sent, in one sentence."""


def geometry_of(thing, faces=None):
    """The mesh of an object without its modifiers, as a `glb.Geometry` in the object's own frame.

    Args:
        faces: 'b', one a polygon: those that are sent; None for all.

    Raises:
        MeshError: it has no faces.
    """
    if thing.mode == "EDIT":
        thing.update_from_editmode()
    mesh = thing.data
    mesh.calc_loop_triangles()
    count = len(mesh.loop_triangles)
    if count == 0:
        raise MeshError(f"{thing.name} has no faces.")
    positions = _filled(mesh.vertices, "co", "f", 3)
    loops = _filled(mesh.loops, "vertex_index", "i", 1)
    triangles = _filled(mesh.loop_triangles, "loops", "i", 3)
    slots = _filled(mesh.loop_triangles, "material_index", "i", 1)
    if faces is not None:
        owner = _filled(mesh.loop_triangles, "polygon_index", "i", 1)
        kept = [index for index, polygon in enumerate(owner) if faces[polygon]]
        slots = glb.picked(slots, 1, kept)
        triangles = glb.picked(triangles, 3, kept)
    layer = mesh.uv_layers.active
    uvs = _filled(layer.data, "uv", "f", 2) if layer is not None and len(layer.data) == len(loops) else None
    return glb.Geometry(positions, loops, triangles, slots, uvs, _colors_of(mesh, loops))


def _filled(items, name, code, width):
    values = array(code, bytes(4 * width * len(items)))
    items.foreach_get(name, values)
    return values


def _colors_of(mesh, loops):
    """The active colours of a mesh, one a corner, if its material shows them or it has none."""
    layer = mesh.color_attributes.active_color
    if layer is None or any(m is not None and not materials.shows_colors(m) for m in mesh.materials):
        return None
    if layer.domain == "POINT" and len(layer.data) == len(mesh.vertices):
        return glb.picked(_filled(layer.data, "color", "f", 4), 4, loops)
    if layer.domain == "CORNER" and len(layer.data) == len(loops):
        return _filled(layer.data, "color", "f", 4)
    return None


def up_in(thing):
    """The world's up in an object's own frame, as three numbers."""
    up = thing.matrix_world.to_quaternion().inverted() @ Vector((0.0, 0.0, 1.0))
    return [round(value, 6) for value in up]


def front_of(up):
    """A direction square to `up` that the mesh is first looked at from: its own -y, or x where that is up."""
    return [0.0, -1.0, 0.0] if abs(up[1]) < 0.9 else [1.0, 0.0, 0.0]


def new_mesh(thing, styled, uvs, title, faces=None, moved=None):
    """A new mesh for an object, with its own material and texture; the object is left as it is.

    Args:
        styled: a `glb.Styled`.
        uvs: what `matching.corner_uvs` gives: then faces, groups and shape keys of the old mesh are kept, and only
            texture coordinates and materials are new. None takes the engine's triangles.
        title: names the mesh, the materials and the pictures.
        faces: 'b', one a polygon: those that change; None for all. Others keep their slots.
        moved: with `uvs`, where the vertices are now, 'f', 3 each: a new shape key. None where they did not move.
    """
    old = thing.data
    pictures = materials.Pictures(styled, title, bumpy=uvs is None)
    slots = [slot.material for slot in thing.material_slots]
    if uvs is None:
        mesh = _of_triangles(styled, title, bool(old.polygons) and old.polygons[0].use_smooth)
        first = slots[0] if slots else None
        mesh.materials.append(materials.styled_material(first, styled, pictures, title, UV_NAME, new_places=True))
        mesh.update()
        return mesh
    mesh = old.copy()
    mesh.name = title
    shown = next((layer.name for layer in mesh.uv_layers if layer.active_render), None)
    layer = mesh.uv_layers.get(UV_NAME) or mesh.uv_layers.new(name=UV_NAME, do_init=False)
    if layer is None:  # eight are there already
        layer = mesh.uv_layers[-1]
    name = layer.name
    layer.data.foreach_set("uv", uvs)
    layer.active = True
    # pictures of materials that name no map go by the one that renders
    mesh.uv_layers[shown or name].active_render = True
    _dress(
        mesh,
        slots,
        faces,
        lambda material, more: materials.styled_material(
            material, styled, pictures, f"{title} {more}".strip()[:60], name, new_places=False
        ),
    )
    if moved is not None:
        _add_key(mesh, moved)
    mesh.update()
    return mesh


def _dress(mesh, slots, faces, styled):
    """Give the faces that change slots of their own; a slot all of whose faces change stays in its place."""
    if not slots:
        mesh.materials.append(None)
        slots = [None]
    for index, material in enumerate(slots):  # also those that belong to the object
        mesh.materials[index] = material
    last = len(slots) - 1
    now = array("i", bytes(4 * len(mesh.polygons)))
    mesh.polygons.foreach_get("material_index", now)
    now = array("i", (min(index, last) for index in now))
    changing = now if faces is None else array("i", (index if face else -1 for index, face in zip(now, faces)))  # noqa: B905
    for index in sorted(set(changing) - {-1}):
        material = styled(slots[index], slots[index].name if slots[index] is not None and last else "")
        if now.count(index) == changing.count(index):
            mesh.materials[index] = material
            continue
        mesh.materials.append(material)
        place = len(mesh.materials) - 1
        now = array("i", (place if one == index else was for was, one in zip(now, changing)))  # noqa: B905
    mesh.polygons.foreach_set("material_index", now)


def _add_key(mesh, moved):
    """A shape key that holds a result's shape, switched on."""
    holder = bpy.data.objects.new("editor3d keys", mesh)  # keys are made by objects
    try:
        if mesh.shape_keys is None:
            holder.shape_key_add(name="Basis", from_mix=False)
        key = holder.shape_key_add(name=UV_NAME, from_mix=False)
        key.data.foreach_set("co", moved)
        key.value = 1.0
    finally:
        bpy.data.objects.remove(holder)


def fill(mesh, positions, corners):
    """Vertices ('f', 3 each) and triangles ('i', three corners each) for an empty mesh; `update` is to follow."""
    count = len(corners) // 3
    mesh.vertices.add(len(positions) // 3)
    mesh.vertices.foreach_set("co", positions)
    mesh.loops.add(len(corners))
    mesh.loops.foreach_set("vertex_index", corners)
    mesh.polygons.add(count)
    mesh.polygons.foreach_set("loop_start", array("i", range(0, 3 * count, 3)))
    if bpy.app.version < (4, 0, 0):
        mesh.polygons.foreach_set("loop_total", array("i", [3]) * count)


def _of_triangles(styled, title, smooth):
    mesh = bpy.data.meshes.new(title)
    fill(mesh, styled.positions, styled.corners)
    mesh.polygons.foreach_set("use_smooth", array("b", [smooth]) * len(mesh.polygons))
    mesh.update(calc_edges=True)
    mesh.validate()
    if styled.uvs is not None and len(mesh.loops) == len(styled.corners):
        mesh.uv_layers.new(name=UV_NAME, do_init=False).data.foreach_set("uv", styled.uvs)
    if styled.colors is not None and len(mesh.loops) == len(styled.corners):
        layer = mesh.color_attributes.new("Color", "FLOAT_COLOR", "CORNER")
        layer.data.foreach_set("color", styled.colors)
    return mesh


def remove(mesh):
    """Take away a mesh that `new_mesh` made and nothing uses, with its material and pictures."""
    if mesh.users:
        return
    used = [material for material in mesh.materials if material is not None]
    bpy.data.meshes.remove(mesh)
    for material in used:
        nodes = material.node_tree.nodes if material.node_tree is not None else ()
        images = {n.image for n in nodes if n.bl_idname == "ShaderNodeTexImage" and n.image}
        if material.users == 0:
            bpy.data.materials.remove(material)
            for image in images:
                if image.users == 0:
                    bpy.data.images.remove(image)
