# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run by a second Blender: bakes the base colours of a mesh, whatever nodes compute them, into one picture.

The job: blend, object, side (pixels), folder. Leaves color.png, and uvs.bin: 'f', two a corner.
"""

import os
from array import array

import bpy

UV_NAME = "Editor3D bake"


def carry_out(job):
    bpy.ops.wm.open_mainfile(filepath=job["blend"], load_ui=False, use_scripts=False)
    thing = bpy.data.objects[job["object"]]
    scene = next(one for one in bpy.data.scenes if thing.name in one.objects)
    bpy.context.window.scene = scene
    thing.data = thing.data.copy()
    thing.modifiers.clear()
    bare = bpy.data.objects.new("editor3d bare", thing.data)  # in no hidden collection
    scene.collection.objects.link(bare)
    for index, slot in enumerate(thing.material_slots):
        bare.material_slots[index].link, bare.material_slots[index].material = slot.link, slot.material
    for other in bpy.context.view_layer.objects:
        other.select_set(other == bare)
    bpy.context.view_layer.objects.active = bare
    mesh = bare.data
    layer = mesh.uv_layers.new(name=UV_NAME, do_init=False) or mesh.uv_layers[-1]
    name = layer.name
    mesh.uv_layers.active = layer
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.uv.smart_project(island_margin=0.01)
    bpy.ops.object.mode_set(mode="OBJECT")
    uvs = array("f", bytes(8 * len(mesh.loops)))
    mesh.uv_layers[name].data.foreach_get("uv", uvs)
    image = bpy.data.images.new("editor3d bake", job["side"], job["side"], alpha=False)
    if not bare.material_slots:
        mesh.materials.append(None)
    for slot in bare.material_slots:
        slot.material = _glowing(slot.material, image)
    scene.render.engine = "CYCLES"
    scene.cycles.device, scene.cycles.samples = "CPU", 4
    scene.render.bake.margin = 8
    scene.render.bake.use_selected_to_active = False
    bpy.ops.object.bake(type="EMIT", uv_layer=name)
    image.filepath_raw, image.file_format = os.path.join(job["folder"], "color.png"), "PNG"
    image.save()
    with open(os.path.join(job["folder"], "uvs.bin"), "wb") as file:
        uvs.tofile(file)


def _glowing(material, image):
    """A copy of a material that emits its base colour, with the picture to bake into."""
    made = material.copy() if material is not None else bpy.data.materials.new("none")
    if bpy.app.version < (5, 0, 0):
        made.use_nodes = True
    tree = made.node_tree
    shader = next((node for node in tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled"), None)
    glow, out = tree.nodes.new("ShaderNodeEmission"), tree.nodes.new("ShaderNodeOutputMaterial")
    glow.inputs["Color"].default_value = made.diffuse_color
    if shader is not None:
        base = shader.inputs["Base Color"]
        glow.inputs["Color"].default_value = base.default_value
        if base.is_linked:
            tree.links.new(base.links[0].from_socket, glow.inputs["Color"])
    tree.links.new(glow.outputs[0], out.inputs["Surface"])
    out.is_active_output = True
    picture = tree.nodes.new("ShaderNodeTexImage")
    picture.image = image
    for node in tree.nodes:
        node.select = node == picture
    tree.nodes.active = picture
    return made
