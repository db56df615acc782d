# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Coloured points and triangles as objects that render: geometry nodes make points of them."""

import bpy

from . import meshes, objects
from .materials import with_nodes

COLOR = "Color"


def add(context, cloud, title):
    """A new object at the origin of the scene, selected and active; it."""
    mesh = bpy.data.meshes.new(title)
    meshes.fill(mesh, cloud.positions, cloud.corners)
    mesh.update(calc_edges=True)
    if cloud.colors is not None:
        mesh.color_attributes.new(COLOR, "FLOAT_COLOR", "POINT").data.foreach_set("color", cloud.colors)
    material = _material(title)
    mesh.materials.append(material)
    thing = objects.add(context, mesh, title)
    if not cloud.corners:
        modifier = thing.modifiers.new("Editor3D", "NODES")
        modifier.node_group = _nodes(title, material, cloud)
    return thing


def _material(title):
    material = with_nodes(title)
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
    if bpy.app.version >= (4, 0, 0):
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
    painted = tree.nodes.new("GeometryNodeSetMaterial")
    painted.inputs["Material"].default_value = material
    tree.links.new(last, painted.inputs[0])
    tree.links.new(painted.outputs[0], end.inputs[0])
    return tree
