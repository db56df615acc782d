"""A node wrangler for programs of procedural generation: trees of nodes written as calls.

    def shader(nw):
        noise = nw.new_node(Nodes.NoiseTexture, input_kwargs={"Scale": 4.0})
        surface = nw.new_node(Nodes.PrincipledBSDF, input_kwargs={"Base Color": noise.outputs["Color"]})
        nw.new_node(Nodes.MaterialOutput, input_kwargs={"Surface": surface})

    surface.add_material(bpy.context.active_object, shader)

An input takes a node (its first enabled output), an output, a pair of node and name, a plain value, or a list of these.
Runs inside the worker; what a program hands over is set only where the gate would let the program set it itself.
Old names of sockets and nodes, which Blender has renamed, are read as the new ones.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import bpy

from editor3d.programs.sandbox import gate, numbers, wrangler_names

Nodes = SimpleNamespace(**wrangler_names.NODES)
_ONCE = ("NodeGroupInput", "NodeGroupOutput", "ShaderNodeOutputMaterial", "ShaderNodeOutputWorld")
"""Kinds of which a tree has one."""
_RENAMED_SOCKETS = {
    "Subsurface": "Subsurface Weight", "Subsurface Color": None, "Specular": "Specular IOR Level",
    "Transmission": "Transmission Weight", "Sheen": "Sheen Weight", "Clearcoat": "Coat Weight",
    "Clearcoat Roughness": "Coat Roughness", "Emission": "Emission Color", "Sheen Tint": None, "Specular Tint": None,
}  # fmt: skip
"""Of the principled shader, before Blender 4.0; None where there is none today."""
_SOCKET_KINDS = {
    bool: "NodeSocketBool", int: "NodeSocketInt", float: "NodeSocketFloat", tuple: "NodeSocketVector",
    list: "NodeSocketVector", str: "NodeSocketString",
}  # fmt: skip
_SUBTYPES = ("Factor", "Angle", "Distance", "Unsigned", "Percentage", "Translation", "Euler", "XYZ", "Direction")


class NodeWrangler:
    """Builds one tree of nodes."""

    def __init__(self, node_group: bpy.types.NodeTree | bpy.types.NodesModifier) -> None:
        self.modifier = node_group if isinstance(node_group, bpy.types.NodesModifier) else None
        tree = node_group if self.modifier is None else self.modifier.node_group
        if not isinstance(tree, bpy.types.NodeTree):
            raise TypeError("a NodeWrangler is made of a tree of nodes, as material.node_tree is one")
        self.node_group, self.nodes, self.links, self.interface = tree, tree.nodes, tree.links, tree.interface
        self.input_consistency_forced = False

    def force_input_consistency(self) -> None:
        self.input_consistency_forced = True

    def new_value(self, v: Any, label: str | None = None) -> bpy.types.Node:
        """A node of one number."""
        node = self.new_node(Nodes.Value, label=label)
        node.outputs[0].default_value = v
        return node

    def new_node(
        self,
        node_type: str,
        input_args: Sequence[Any] | None = None,
        attrs: Mapping[str, Any] | None = None,
        input_kwargs: Mapping[str | int, Any] | None = None,
        label: str | None = None,
        expose_input: Sequence[tuple] | None = None,
        compat_mode: bool = True,
    ) -> bpy.types.Node:
        """A node of a kind, its properties set and its inputs connected.

        Args:
            node_type: one of `Nodes`, Blender's own name of a kind, or the name of a node group.
            input_args: what goes into the inputs, in their order; None leaves one out.
            attrs: the node's properties.
            input_kwargs: what goes into inputs by name or number.
            label: its name.
            expose_input: kind, name and value of inputs that the tree gets.
            compat_mode: no effect; old names are always read.
        """
        attrs = dict(attrs or {})
        node = self._made(str(node_type), attrs)
        if label is not None:
            node.label = node.name = label
        for name, value in attrs.items():
            _set(node, name, value)
        for kind, name, value in expose_input or ():
            self.expose_input(name, val=value, dtype=kind)
        given: list[tuple[str | int, Any]] = [*enumerate(input_args or ()), *(input_kwargs or {}).items()]
        for name, item in given:
            if item is not None:
                self._fill(node, name, item)
        needs_place = node.bl_idname.startswith("ShaderNodeTex") and "Vector" in node.inputs
        if self.input_consistency_forced and needs_place and not node.inputs["Vector"].is_linked:
            kind = Nodes.NewGeometry if self.node_group.type == "SHADER" else Nodes.InputPosition
            self.connect_input(node.inputs["Vector"], self.new_node(kind))
        return node

    def _made(self, kind: str, attrs: dict[str, Any]) -> bpy.types.Node:
        if kind in _ONCE:
            for node in self.nodes:
                if node.bl_idname == kind:
                    return node
        group = bpy.data.node_groups.get(kind)
        if group is not None:
            node = self.nodes.new("ShaderNodeGroup" if group.bl_idname == "ShaderNodeTree" else "GeometryNodeGroup")
            node.node_tree = group
            return node
        if kind == Nodes.MusgraveTexture:  # since Blender 4.1 a kind of noise
            node = self.nodes.new(Nodes.NoiseTexture)
            node.noise_dimensions = attrs.pop("musgrave_dimensions", "3D")
            kinds = {"FBM", "MULTIFRACTAL", "RIDGED_MULTIFRACTAL", "HYBRID_MULTIFRACTAL", "HETERO_TERRAIN"}
            sort = attrs.pop("musgrave_type", "FBM")
            node.noise_type = sort if sort in kinds else "FBM"
            node.normalize = False
            return node
        return self.nodes.new(kind)

    def _fill(self, node: bpy.types.Node, name: str | int, item: Any) -> None:
        if isinstance(name, str) and node.bl_idname == "NodeGroupOutput" and name not in node.inputs:
            output = _output(item)
            kind = "NodeSocketGeometry" if output is None else _plain_kind(output.bl_idname)
            self.interface.new_socket(name=name, in_out="OUTPUT", socket_type=kind)
        socket = _input(node, name)
        if socket is not None:
            self.connect_input(socket, item)

    def connect_input(self, input_socket: bpy.types.NodeSocket, input_item: Any) -> None:
        """Link an output into an input, or set the input's value."""
        if isinstance(input_item, (list, tuple)) and _output(input_item) is None:
            linked = [item for item in input_item if _output(item) is not None]
            if linked:
                for item in linked:
                    self.links.new(_output(item), input_socket)
                return
        output = _output(input_item)
        if output is not None:
            self.links.new(output, input_socket)
        else:
            _set_default(input_socket, input_item)

    def expose_input(
        self, name: str, val: Any = None, attribute: str | None = None, dtype: str | None = None, **unused: Any
    ) -> bpy.types.NodeSocket:
        """An input of the whole tree; its socket inside."""
        source = self.new_node(Nodes.GroupInput)
        known = [item for item in self.interface.items_tree if item.item_type == "SOCKET" and item.in_out == "INPUT"]
        socket = next((item for item in known if item.name == name), None)
        if socket is None:
            kind = _plain_kind(str(dtype)) if dtype else _SOCKET_KINDS.get(type(val), "NodeSocketFloat")
            socket = self.interface.new_socket(name=name, in_out="INPUT", socket_type=kind)
        if val is not None:
            _set_default(socket, val)
            if self.modifier is not None and socket.identifier in self.modifier:
                self.modifier[socket.identifier] = val
        if attribute is not None and self.modifier is not None:
            self.modifier[f"{socket.identifier}_attribute_name"] = str(attribute)
            self.modifier[f"{socket.identifier}_use_attribute"] = True
        return source.outputs[name]

    # what arithmetic is called

    def math(self, node_type: str, *nodes: Any) -> bpy.types.Node:
        return self.new_node(Nodes.Math, nodes, {"operation": node_type})

    def vector_math(self, node_type: str, *nodes: Any) -> bpy.types.Node:
        return self.new_node(Nodes.VectorMath, nodes, {"operation": node_type})

    def boolean_math(self, node_type: str, *nodes: Any) -> bpy.types.Node:
        return self.new_node(Nodes.BooleanMath, nodes, {"operation": node_type})

    def compare(self, node_type: str, *nodes: Any) -> bpy.types.Node:
        return self.new_node(Nodes.Compare, nodes, {"operation": node_type})

    def scale(self, *nodes: Any) -> bpy.types.Node:
        vector, factor = nodes if _is_vector(nodes[0]) else reversed(nodes)
        return self.new_node(Nodes.VectorMath, [vector], {"operation": "SCALE"}, {"Scale": factor})

    def dot(self, *nodes: Any) -> bpy.types.Node:
        return self.vector_math("DOT_PRODUCT", *nodes)

    def power(self, *nodes: Any) -> bpy.types.Node:
        return self.math("POWER", *nodes)

    def combine(self, x: Any, y: Any, z: Any) -> bpy.types.Node:
        return self.new_node(Nodes.CombineXYZ, [x, y, z])

    def separate(self, x: Any) -> Any:
        return self.new_node(Nodes.SeparateXYZ, [x]).outputs

    def switch(self, pred: Any, true: Any, false: Any, input_type: str = "FLOAT") -> bpy.types.Node:
        choice = {"Switch": pred, "True": true, "False": false}
        return self.new_node(Nodes.Switch, attrs={"input_type": input_type}, input_kwargs=choice)

    def vector_switch(self, pred: Any, true: Any, false: Any) -> bpy.types.Node:
        return self.switch(pred, true, false, "VECTOR")

    def bernoulli(self, prob: float, seed: int = 0) -> bpy.types.Node:
        chance = {"Probability": prob, "Seed": seed}
        return self.new_node(Nodes.RandomValue, attrs={"data_type": "BOOLEAN"}, input_kwargs=chance)

    def build_float_curve(self, x: Any, anchors: Sequence[Sequence[float]], handle: str = "VECTOR") -> bpy.types.Node:
        curve = self.new_node(Nodes.FloatCurve, input_kwargs={"Value": x})
        assign_curve(curve.mapping.curves[0], anchors, [handle] * len(anchors))
        curve.mapping.use_clip = False
        return curve


def _chain(kind: str, operation: str) -> Callable[..., Any]:
    """Arithmetic of any number of things, two at a time."""

    def method(self: NodeWrangler, *nodes: Any) -> Any:
        return functools.reduce(lambda left, right: getattr(self, kind)(operation, left, right), nodes)

    return method


for _word, _operation in {"add": "ADD", "sub": "SUBTRACT", "multiply": "MULTIPLY", "divide": "DIVIDE"}.items():
    for _end in ("", "2"):
        setattr(NodeWrangler, _word + _end, _chain("vector_math", _operation))
        setattr(NodeWrangler, f"scalar_{_word}{_end}", _chain("math", _operation))
NodeWrangler.scalar_max = NodeWrangler.scalar_max2 = _chain("math", "MAXIMUM")  # pyright: ignore


def assign_curve(curve: Any, points: Sequence[Sequence[float]], handles: Sequence[str] | None = None) -> None:
    """Give a curve of a mapping these points."""
    for index, (x, y) in enumerate(points):
        if index < len(curve.points):
            curve.points[index].location = (x, y)
        else:
            curve.points.new(x, y)
        if handles is not None:
            curve.points[index].handle_type = handles[index]


def _set(node: bpy.types.Node, name: str, value: Any) -> None:
    """Set a property that the program may set itself; one that Blender no longer has is left out."""
    if type(name) is not str or name not in gate.attributes() or name in numbers.SET_NEVER:
        raise AttributeError(f"`{name}` is not a property of a node that a program may set")
    if name in node.bl_rna.properties:
        setattr(node, name, value)


def _output(item: Any) -> bpy.types.NodeSocket | None:
    """The output that something stands for; None where it is a value."""
    if isinstance(item, bpy.types.NodeSocket):
        return item
    if isinstance(item, bpy.types.Node):
        return next((socket for socket in item.outputs if socket.enabled), None)
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], bpy.types.Node):
        return item[0].outputs[item[1]]
    return None


def _input(node: bpy.types.Node, name: str | int) -> bpy.types.NodeSocket | None:
    """The input of a name, an enabled one before others; None where Blender has dropped it."""
    if isinstance(name, int):
        return node.inputs[name]
    if name not in node.inputs and node.bl_idname == Nodes.PrincipledBSDF and name in _RENAMED_SOCKETS:
        now = _RENAMED_SOCKETS[name]
        return None if now is None else node.inputs[now]
    return next((s for s in node.inputs if s.name == name and s.enabled), None) or node.inputs[name]


def _set_default(socket: Any, value: Any) -> None:
    """Set a socket's value, a number spread over a vector where it takes one."""
    now = getattr(socket, "default_value", None)
    if isinstance(value, Iterable) and not isinstance(value, str) and hasattr(now, "__len__"):
        values = [float(v) for v in value]
        value = (*values, *now[len(values) :])[: len(now)]
    elif isinstance(value, (int, float)) and hasattr(now, "__len__"):
        value = [float(value)] * len(now)
    elif isinstance(now, int) and not isinstance(now, bool) and isinstance(value, float):
        value = int(value)
    socket.default_value = value


def _plain_kind(kind: str) -> str:
    """The kind of a socket without its unit, which an interface does not take."""
    for end in _SUBTYPES:
        kind = kind.removesuffix(end)
    return kind


def _is_vector(item: Any) -> bool:
    output = _output(item)
    return output.type in ("VECTOR", "RGBA") if output is not None else isinstance(item, Iterable)
