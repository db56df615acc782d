# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""How splats are drawn by a Blender that has none of its own: as points in the viewport, and where it renders as
ellipsoids whose opacity falls off as a Gaussian does.

A ray that passes the centre at d standard deviations sees opacity · exp(-d²/2), the Gaussian's greatest value along it
(Moënne-Loccoz et al., 3D Gaussian Ray Tracing, 2024).
"""

import bpy

from ..materials import with_nodes

NATIVE = (5, 3, 0)
"""The first Blender that draws splats itself."""
COLOR, EULER = "Color", "turn"
_REACH = 3.0
"""Standard deviations that an ellipsoid reaches: 1 % is left there."""
_INSIDE = 0.7946544723
"""Radius of the ball inside an icosahedron, whose corners lie at 1."""


def is_native():
    """Whether this Blender draws splats itself."""
    return bpy.app.version >= NATIVE


def is_splats(thing):
    """Whether an object holds splats."""
    if thing is None or thing.type not in ("MESH", "POINTCLOUD"):
        return False
    names = thing.data.attributes
    return "radiance:base" in names and "scale" in names and "rotation" in names


_BOUNCES = 512
"""Surfaces that a ray may pass: each splat has two, and Cycles' own 8 leave black behind the fourth."""


def dress(scene, thing, title):
    """Give an object of splats what draws it, and the scene the transparent bounces that this takes."""
    points, ellipsoids = _point_material(title), _ellipsoid_material(title)
    for material in (points, ellipsoids):
        thing.data.materials.append(material)
    modifier = thing.modifiers.new("Editor3D splats", "NODES")
    modifier.node_group = _nodes(title, points, ellipsoids)
    if "cycles" in scene.bl_rna.properties:  # an add-on of Blender's, which may be off
        cycles = scene.cycles
        cycles.transparent_max_bounces = max(cycles.transparent_max_bounces, _BOUNCES)


class _Tree:
    """Nodes that are put from left to right."""

    def __init__(self, tree):
        self.tree, self.across = tree, -900.0

    def add(self, kind, **values):
        node = self.tree.nodes.new(kind)
        node.location = (self.across, 0.0)
        self.across += 180.0
        for name, value in values.items():
            setattr(node, name, value)
        return node

    def link(self, source, target):
        self.tree.links.new(source, target)

    def vector(self, operation, *given):
        return self._computed("ShaderNodeVectorMath", operation, given)

    def number(self, operation, *given):
        return self._computed("ShaderNodeMath", operation, given)

    def _computed(self, kind, operation, given):
        node = self.add(kind, operation=operation)
        for socket, value in zip(node.inputs, given):  # noqa: B905 some operations leave sockets free
            if isinstance(value, (int, float)):
                socket.default_value = value
            else:
                self.link(value, socket)
        return next(output for output in node.outputs if output.enabled)


def _material(title):
    material = with_nodes(title)
    material.node_tree.nodes.clear()
    return material, _Tree(material.node_tree)


def _point_material(title):
    material, tree = _material(f"{title} points")
    colors = tree.add("ShaderNodeAttribute", attribute_name=COLOR)
    shown = tree.add("ShaderNodeEmission")  # a capture's colours have their light in them already
    out = tree.add("ShaderNodeOutputMaterial")
    tree.link(colors.outputs["Color"], shown.inputs["Color"])
    tree.link(shown.outputs["Emission"], out.inputs["Surface"])
    return material


def _ellipsoid_material(title):
    material, tree = _material(f"{title} splats")
    if bpy.app.version < (4, 2, 0):
        material.blend_method = material.shadow_method = "HASHED"
    colors = tree.add("ShaderNodeAttribute", attribute_name=COLOR, attribute_type="INSTANCER")
    place = tree.add("ShaderNodeTexCoord").outputs["Object"]
    seen = tree.add("ShaderNodeNewGeometry")
    turned = tree.add("ShaderNodeVectorTransform", vector_type="VECTOR", convert_from="WORLD", convert_to="OBJECT")
    tree.link(seen.outputs["Incoming"], turned.inputs[0])
    along = tree.vector("NORMALIZE", turned.outputs[0])
    beside = tree.vector("CROSS_PRODUCT", place, along)
    squared = tree.vector("DOT_PRODUCT", beside, beside)
    falloff = tree.number("EXPONENT", tree.number("MULTIPLY", squared, -0.5))
    opacity = tree.number("MULTIPLY", falloff, colors.outputs["Alpha"])
    front = tree.number("SUBTRACT", 1.0, seen.outputs["Backfacing"])  # a ray that leaves has been counted
    amount = tree.number("MULTIPLY", opacity, front)
    clear, shown = tree.add("ShaderNodeBsdfTransparent"), tree.add("ShaderNodeEmission")
    tree.link(colors.outputs["Color"], shown.inputs["Color"])
    mixed, out = tree.add("ShaderNodeMixShader"), tree.add("ShaderNodeOutputMaterial")
    tree.link(amount, mixed.inputs[0])
    tree.link(clear.outputs[0], mixed.inputs[1])
    tree.link(shown.outputs[0], mixed.inputs[2])
    tree.link(mixed.outputs[0], out.inputs["Surface"])
    return material


def _nodes(title, points_material, material):
    group = bpy.data.node_groups.new(title, "GeometryNodeTree")
    if bpy.app.version >= (4, 0, 0):
        group.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
        group.interface.new_socket("Ellipsoids in the viewport", in_out="INPUT", socket_type="NodeSocketBool")
        group.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    else:
        group.inputs.new("NodeSocketGeometry", "Geometry")
        group.inputs.new("NodeSocketBool", "Ellipsoids in the viewport")
        group.outputs.new("NodeSocketGeometry", "Geometry")
    tree = _Tree(group)
    start = tree.add("NodeGroupInput")

    def named(name):
        read = tree.add("GeometryNodeInputNamedAttribute", data_type="FLOAT_VECTOR")
        read.inputs["Name"].default_value = name
        return next(output for output in read.outputs if output.enabled and output.name == "Attribute")

    def painted(geometry, look):
        node = tree.add("GeometryNodeSetMaterial")
        node.inputs["Material"].default_value = look
        tree.link(geometry, node.inputs[0])
        return node.outputs[0]

    points = tree.add("GeometryNodeMeshToPoints")
    tree.link(start.outputs[0], points.inputs[0])
    tree.link(named("scale"), points.inputs["Radius"])  # the mean of the three
    ball = tree.add("GeometryNodeMeshIcoSphere")
    ball.inputs["Radius"].default_value, ball.inputs["Subdivisions"].default_value = _REACH / _INSIDE, 1
    placed = tree.add("GeometryNodeInstanceOnPoints")
    tree.link(points.outputs[0], placed.inputs["Points"])
    tree.link(painted(ball.outputs["Mesh"], material), placed.inputs["Instance"])
    for name, socket in (("scale", "Scale"), (EULER, "Rotation")):
        tree.link(named(name), placed.inputs[socket])
    # many thousand objects would hold up every redraw of a viewport
    quick = tree.add("FunctionNodeBooleanMath", operation="NIMPLY")
    tree.link(tree.add("GeometryNodeIsViewport").outputs[0], quick.inputs[0])
    tree.link(start.outputs[1], quick.inputs[1])
    choice = tree.add("GeometryNodeSwitch", input_type="GEOMETRY")
    sockets = [socket for socket in choice.inputs if socket.enabled]
    tree.link(quick.outputs[0], sockets[0])
    tree.link(placed.outputs[0], sockets[1])
    tree.link(painted(points.outputs[0], points_material), sockets[2])
    end = tree.add("NodeGroupOutput")
    tree.link(next(output for output in choice.outputs if output.enabled), end.inputs[0])
    return group
