# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Blender's meshes as arrays, and styled arrays as Blender's meshes. Runs in Blender's own thread: arrays are moved
whole, and what takes longer is left to `glb`, in threads."""

import os
import tempfile
from array import array

import bpy
from mathutils import Vector

from ..formats import glb

UV_NAME = "Editor3D"
GRAY = (0.216, 0.216, 0.216, 1.0)
"""Linear; of meshes that nobody gave a colour: Blender's own 0.8 burns out in the light that they are edited in."""


class MeshError(Exception):
    """A mesh that cannot be sent, in one sentence."""


def geometry_of(thing):
    """The mesh of an object without its modifiers, as a `glb.Geometry` in the object's own frame.

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
    materials = _filled(mesh.loop_triangles, "material_index", "i", 1)
    layer = mesh.uv_layers.active
    uvs = _filled(layer.data, "uv", "f", 2) if layer is not None and len(layer.data) == len(loops) else None
    return glb.Geometry(positions, loops, triangles, materials, uvs, _colors_of(mesh, loops))


def _filled(items, name, code, width):
    values = array(code, bytes(4 * width * len(items)))
    items.foreach_get(name, values)
    return values


def _colors_of(mesh, loops):
    """The active colours of a mesh, one a corner, if its material shows them or it has none."""
    layer = mesh.color_attributes.active_color
    if layer is None or any(m is not None and not _shows_colors(m) for m in mesh.materials):
        return None
    if layer.domain == "POINT" and len(layer.data) == len(mesh.vertices):
        return glb.picked(_filled(layer.data, "color", "f", 4), 4, loops)
    if layer.domain == "CORNER" and len(layer.data) == len(loops):
        return _filled(layer.data, "color", "f", 4)
    return None


def _shows_colors(material):
    names = {"ShaderNodeVertexColor", "ShaderNodeAttribute"}
    return material.use_nodes and any(node.bl_idname in names for node in material.node_tree.nodes)


def looks_of(thing):
    """One `glb.Look` a material slot (one at least), with the path of its picture where that is a file, not yet read:
    (look, path or None)."""
    found = [_look_of(slot.material) for slot in thing.material_slots]
    return found or [(glb.Look(GRAY), None)]


def _look_of(material):
    if material is None:
        return glb.Look(GRAY), None
    if not material.use_nodes:
        return glb.Look(material.diffuse_color), None
    shader = next((n for n in material.node_tree.nodes if n.bl_idname == "ShaderNodeBsdfPrincipled"), None)
    if shader is None:
        return glb.Look(material.diffuse_color), None
    base = shader.inputs["Base Color"]
    if not base.is_linked:
        untouched = all(abs(value - 0.8) < 1e-6 for value in base.default_value[:3])
        return glb.Look(GRAY if untouched else base.default_value), None
    source = base.links[0].from_node
    if source.bl_idname == "ShaderNodeTexImage" and source.image is not None:
        image = source.image
        if image.packed_file is not None and image.file_format in ("PNG", "JPEG") and not image.is_dirty:
            return glb.Look((1.0, 1.0, 1.0, 1.0), bytes(image.packed_file.data)), None
        path = bpy.path.abspath(image.filepath, library=image.library)
        if path.lower().endswith((".png", ".jpg", ".jpeg")) and os.path.isfile(path) and not image.is_dirty:
            return glb.Look((1.0, 1.0, 1.0, 1.0)), path
    if _shows_colors(material):
        return glb.Look((1.0, 1.0, 1.0, 1.0)), None
    return glb.Look(material.diffuse_color), None


def up_in(thing):
    """The world's up in an object's own frame, as three numbers."""
    up = thing.matrix_world.to_quaternion().inverted() @ Vector((0.0, 0.0, 1.0))
    return [round(value, 6) for value in up]


def front_of(up):
    """A direction square to `up` that the mesh is first looked at from: its own -y, or x where that is up."""
    return [0.0, -1.0, 0.0] if abs(up[1]) < 0.9 else [1.0, 0.0, 0.0]


def new_mesh(thing, styled, uvs, title):
    """A new mesh for an object, with its own material and texture; the object is left as it is.

    Args:
        styled: a `glb.Styled`.
        uvs: what `glb.corner_uvs` gives: then faces, groups and shape keys of the old mesh are kept, and only texture
            coordinates and the material are new. None takes the engine's triangles.
        title: names the mesh, the material and the pictures.
    """
    old = thing.data
    if uvs is not None:
        mesh = old.copy()
        mesh.name = title
        layer = mesh.uv_layers.get(UV_NAME) or mesh.uv_layers.new(name=UV_NAME, do_init=False)
        if layer is None:  # eight are there already
            layer = mesh.uv_layers[-1]
        layer.data.foreach_set("uv", uvs)
        layer.active = layer.active_render = True
        name = layer.name
        mesh.polygons.foreach_set("material_index", array("i", bytes(4 * len(mesh.polygons))))
    else:
        mesh, name = _of_triangles(styled, title, bool(old.polygons) and old.polygons[0].use_smooth), UV_NAME
    mesh.materials.clear()
    mesh.materials.append(_material(styled, title, name, bumpy=uvs is None))
    mesh.update()
    return mesh


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


def _material(styled, title, uv_name, bumpy):
    material = bpy.data.materials.new(title)
    material.use_nodes = True
    material.diffuse_color = styled.mean  # of views that show no textures
    tree = material.node_tree
    shader = next(node for node in tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")
    if styled.texture is None:
        colors = tree.nodes.new("ShaderNodeVertexColor")
        colors.layer_name, colors.location = "Color", (-300.0, 300.0)
        tree.links.new(colors.outputs["Color"], shader.inputs["Base Color"])
        return material
    places = tree.nodes.new("ShaderNodeUVMap")
    places.uv_map, places.location = uv_name, (-900.0, 150.0)
    picture = tree.nodes.new("ShaderNodeTexImage")
    picture.image, picture.location = _image(styled.texture, f"{title} color", "sRGB"), (-600.0, 300.0)
    tree.links.new(places.outputs["UV"], picture.inputs["Vector"])
    tree.links.new(picture.outputs["Color"], shader.inputs["Base Color"])
    if bumpy and styled.normal_map is not None:
        bumps = tree.nodes.new("ShaderNodeTexImage")
        bumps.image, bumps.location = _image(styled.normal_map, f"{title} normal", "Non-Color"), (-600.0, 0.0)
        turned = tree.nodes.new("ShaderNodeNormalMap")
        turned.uv_map, turned.location = uv_name, (-300.0, 0.0)
        tree.links.new(places.outputs["UV"], bumps.inputs["Vector"])
        tree.links.new(bumps.outputs["Color"], turned.inputs["Color"])
        tree.links.new(turned.outputs["Normal"], shader.inputs["Normal"])
    return material


def _image(data, name, space):
    """A picture packed into the .blend, so that it needs no file."""
    handle, path = tempfile.mkstemp(suffix=".png")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        image = bpy.data.images.load(path)
        image.name = name
        image.colorspace_settings.name = space
        image.pack()
    finally:
        os.unlink(path)
    image.filepath_raw = ""
    return image


def remove(mesh):
    """Take away a mesh that `new_mesh` made and nothing uses, with its material and pictures."""
    if mesh.users:
        return
    materials = [material for material in mesh.materials if material is not None]
    bpy.data.meshes.remove(mesh)
    for material in materials:
        images = {n.image for n in material.node_tree.nodes if n.bl_idname == "ShaderNodeTexImage" and n.image}
        if material.users == 0:
            bpy.data.materials.remove(material)
            for image in images:
                if image.users == 0:
                    bpy.data.images.remove(image)
