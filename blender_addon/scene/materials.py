# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Materials: what of them is sent, and a styled texture put into a copy that keeps all else."""

import os
import tempfile

import bpy

from ..formats import glb

GRAY = (0.216, 0.216, 0.216, 1.0)
"""Linear; of meshes that nobody gave a colour: Blender's own 0.8 burns out in the light that they are edited in."""


def has_nodes(material):
    """Whether a material or world is made of nodes; from Blender 5.0 on each is."""
    return bpy.app.version >= (5, 0, 0) or material.use_nodes


def with_nodes(title):
    """A new material of nodes."""
    material = bpy.data.materials.new(title)
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True
    return material


def shader_of(material):
    """The Principled BSDF of a material; None where it has none."""
    if material is None or not has_nodes(material) or material.node_tree is None:
        return None
    return next((n for n in material.node_tree.nodes if n.bl_idname == "ShaderNodeBsdfPrincipled"), None)


def shows_colors(material):
    """Whether a material shows the mesh's own colours."""
    names = {"ShaderNodeVertexColor", "ShaderNodeAttribute"}
    return has_nodes(material) and any(node.bl_idname in names for node in material.node_tree.nodes)


def is_computed(material, mesh):
    """Whether nodes other than one picture or the mesh's colours make the base colour: it has to be baked."""
    shader = shader_of(material)
    if shader is None or not shader.inputs["Base Color"].is_linked or shows_colors(material):
        return False
    source = shader.inputs["Base Color"].links[0].from_node
    if source.bl_idname != "ShaderNodeTexImage" or source.image is None or picture_of(source.image) is None:
        return True
    places = source.inputs["Vector"]
    if not places.is_linked:
        return False
    layer, node = mesh.uv_layers.active, places.links[0].from_node
    return layer is None or node.bl_idname != "ShaderNodeUVMap" or node.uv_map != layer.name


def looks_of(thing):
    """One `glb.Look` a material slot (one at least), with the path of its picture where that is a file, not yet read:
    (look, path or None)."""
    found = [_look_of(slot.material) for slot in thing.material_slots]
    return found or [(glb.Look(GRAY), None)]


def _look_of(material):
    if material is None:
        return glb.Look(GRAY), None
    shader = shader_of(material)
    if shader is None:
        return glb.Look(material.diffuse_color), None
    base = shader.inputs["Base Color"]
    if not base.is_linked:
        untouched = all(abs(value - 0.8) < 1e-6 for value in base.default_value[:3])
        return glb.Look(GRAY if untouched else base.default_value), None
    source = base.links[0].from_node
    if source.bl_idname == "ShaderNodeTexImage" and source.image is not None:
        picture = picture_of(source.image)
        if isinstance(picture, bytes):
            return glb.Look((1.0, 1.0, 1.0, 1.0), picture), None
        if picture is not None:
            return glb.Look((1.0, 1.0, 1.0, 1.0)), picture
    if shows_colors(material):
        return glb.Look((1.0, 1.0, 1.0, 1.0)), None
    return glb.Look(material.diffuse_color), None


def picture_of(image):
    """The bytes of a PNG or JPEG file that an image is, or its path; None where it is something else."""
    if image.packed_file is not None and image.file_format in ("PNG", "JPEG") and not image.is_dirty:
        return bytes(image.packed_file.data)
    path = bpy.path.abspath(image.filepath, library=image.library)
    good = path.lower().endswith((".png", ".jpg", ".jpeg")) and os.path.isfile(path) and not image.is_dirty
    return path if good else None


class Pictures:
    """The pictures of a result, made into images once for all slots."""

    def __init__(self, styled, title, bumpy):
        self.color = _image(styled.texture, f"{title} color", "sRGB") if styled.texture is not None else None
        self.finish = _image(styled.finish, f"{title} finish", "Non-Color") if styled.finish is not None else None
        self.normal = _image(styled.normal_map, f"{title} normal", "Non-Color") if bumpy and styled.normal_map else None


def styled_material(material, styled, pictures, title, uv_name, new_places):
    """A material with a result's colours: a copy of what a slot has, in which roughness, metallic, normal, transmission
    and all else stay where the result says nothing of them.

    Args:
        material: the slot's; None for a new one.
        pictures: the result's `Pictures`.
        uv_name: the map of texture coordinates that they are laid out by.
        new_places: whether the mesh is the result's own triangles: pictures of the old material fit no longer there,
            and the result's normal map does.
    """
    if shader_of(material) is None or material.library is not None:
        made = with_nodes(title)
    else:
        made = material.copy()
        made.name = title
    made.diffuse_color = styled.mean  # of views that show no textures
    tree, shader = made.node_tree, shader_of(made)
    if new_places:
        for socket in shader.inputs:
            for link in list(socket.links):
                tree.links.remove(link)
    x, y = shader.location
    if pictures.color is None:
        colors = tree.nodes.new("ShaderNodeVertexColor")
        colors.layer_name, colors.location = "Color", (x - 300.0, y)
        tree.links.new(colors.outputs["Color"], shader.inputs["Base Color"])
        return made
    places = tree.nodes.new("ShaderNodeUVMap")
    places.uv_map, places.location = uv_name, (x - 900.0, y - 150.0)

    def picture(image, down):
        node = tree.nodes.new("ShaderNodeTexImage")
        node.image, node.location = image, (x - 600.0, y - down)
        tree.links.new(places.outputs["UV"], node.inputs["Vector"])
        return node.outputs["Color"]

    tree.links.new(picture(pictures.color, 0.0), shader.inputs["Base Color"])
    if pictures.finish is not None:
        parts = tree.nodes.new("ShaderNodeSeparateColor")
        parts.location = (x - 300.0, y - 300.0)
        tree.links.new(picture(pictures.finish, 300.0), parts.inputs[0])
        tree.links.new(parts.outputs[1], shader.inputs["Roughness"])
        tree.links.new(parts.outputs[2], shader.inputs["Metallic"])
    if pictures.normal is not None:
        turned = tree.nodes.new("ShaderNodeNormalMap")
        turned.uv_map, turned.location = uv_name, (x - 300.0, y - 600.0)
        tree.links.new(picture(pictures.normal, 600.0), turned.inputs["Color"])
        tree.links.new(turned.outputs["Normal"], shader.inputs["Normal"])
    return made


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
