# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Coloured points, triangles and splats as objects that render: geometry nodes make points or ellipsoids of them."""

from array import array

import bpy
from mathutils import Quaternion

from . import meshes

COLOR, SIZE, TURN = "Color", "size", "turn"


def add(context, cloud, title):
    """A new object at the origin of the scene, selected and active; it."""
    mesh = bpy.data.meshes.new(title)
    meshes.fill(mesh, cloud.positions, cloud.corners)
    mesh.update(calc_edges=True)
    if cloud.colors is not None:
        mesh.color_attributes.new(COLOR, "FLOAT_COLOR", "POINT").data.foreach_set("color", cloud.colors)
    if cloud.sizes is not None:
        mesh.attributes.new(SIZE, "FLOAT_VECTOR", "POINT").data.foreach_set("vector", cloud.sizes)
        mesh.attributes.new(TURN, "FLOAT_VECTOR", "POINT").data.foreach_set("vector", _euler(cloud.turns))
    material = _material(title)
    mesh.materials.append(material)
    thing = bpy.data.objects.new(title, mesh)
    context.collection.objects.link(thing)
    if not cloud.corners:
        modifier = thing.modifiers.new("Editor3D", "NODES")
        modifier.node_group = _nodes(title, material, cloud)
    for other in context.selected_objects:
        other.select_set(False)
    thing.select_set(True)
    context.view_layer.objects.active = thing
    return thing


def _euler(turns):
    """Quaternions as Euler angles, which geometry nodes of all versions take."""
    out = array("f", bytes(12 * (len(turns) // 4)))
    for index in range(len(turns) // 4):
        out[3 * index : 3 * index + 3] = array(
            "f", Quaternion(turns[4 * index : 4 * index + 4]).normalized().to_euler()
        )
    return out


def _material(title):
    material = bpy.data.materials.new(title)
    material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    colors = tree.nodes.new("ShaderNodeAttribute")
    colors.attribute_name, colors.location = COLOR, (-400.0, 0.0)
    shown = tree.nodes.new("ShaderNodeEmission")  # a capture's colours have their light in them already
    shown.location = (-200.0, 0.0)
    out = tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(colors.outputs["Color"], shown.inputs["Color"])
    tree.links.new(shown.outputs["Emission"], out.inputs["Surface"])
    return material


def _spacing(cloud):
    """About the distance of neighbours: points on surfaces fill squares."""
    values = cloud.positions
    if not len(values):
        return 0.01
    spans = []
    for k in range(3):
        axis = sorted(values[k::3])
        edge = len(axis) // 20
        spans.append(axis[-1 - edge] - axis[edge])
    return max(1e-6, 0.6 * max(spans) / max(1.0, (len(values) / 3.0) ** 0.5))


def _nodes(title, material, cloud):
    tree = bpy.data.node_groups.new(title, "GeometryNodeTree")
    if hasattr(tree, "interface"):  # Blender 4.0
        tree.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
        tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    else:
        tree.inputs.new("NodeSocketGeometry", "Geometry")
        tree.outputs.new("NodeSocketGeometry", "Geometry")
    start, end = tree.nodes.new("NodeGroupInput"), tree.nodes.new("NodeGroupOutput")
    start.location, end.location = (-600.0, 0.0), (600.0, 0.0)
    last = start.outputs[0]
    points = tree.nodes.new("GeometryNodeMeshToPoints")
    points.inputs["Radius"].default_value = _spacing(cloud)
    tree.links.new(last, points.inputs[0])
    last = points.outputs[0]
    if cloud.sizes is not None:
        ball = tree.nodes.new("GeometryNodeMeshIcoSphere")
        ball.inputs["Radius"].default_value, ball.inputs["Subdivisions"].default_value = 2.0, 1
        placed = tree.nodes.new("GeometryNodeInstanceOnPoints")
        tree.links.new(last, placed.inputs["Points"])
        tree.links.new(ball.outputs["Mesh"], placed.inputs["Instance"])
        for name, socket in ((SIZE, "Scale"), (TURN, "Rotation")):
            read = tree.nodes.new("GeometryNodeInputNamedAttribute")
            read.data_type = "FLOAT_VECTOR"
            read.inputs["Name"].default_value = name
            source = next(o for o in read.outputs if o.enabled and o.name == "Attribute")
            tree.links.new(source, placed.inputs[socket])
        real = tree.nodes.new("GeometryNodeRealizeInstances")
        tree.links.new(placed.outputs[0], real.inputs[0])
        last = real.outputs[0]
    painted = tree.nodes.new("GeometryNodeSetMaterial")
    painted.inputs["Material"].default_value = material
    tree.links.new(last, painted.inputs[0])
    tree.links.new(painted.outputs[0], end.inputs[0])
    return tree
