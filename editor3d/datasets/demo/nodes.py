"""A short way to write Blender's shader node trees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bpy

Socket = Any
"""A node's output socket; wherever one is taken, a plain value will do as well."""


def linear(color: str) -> tuple[float, float, float, float]:
    """The linear-light RGBA of a "#rrggbb" sRGB colour, as Blender's colour inputs want it."""
    srgb = [int(color[i : i + 2], 16) / 255.0 for i in (1, 3, 5)]
    rgb = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in srgb]
    return (*rgb, 1.0)


class Tree:
    """The node tree of one new material. Methods add nodes and return the socket that carries their result."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self._tree = self.material.node_tree
        self._tree.nodes.clear()

    def add(self, kind: str, output: str | int, inputs: dict[str | int, Any] | None = None, **settings: Any) -> Socket:
        """Add a node "ShaderNode<kind>" and return its output."""
        node = self._tree.nodes.new(f"ShaderNode{kind}")
        for key, value in settings.items():
            setattr(node, key, value)
        for key, value in (inputs or {}).items():
            self._set(node.inputs[key], value)
        return node.outputs[output]

    def _set(self, socket: Any, value: Any) -> None:
        if isinstance(value, bpy.types.NodeSocket):
            self._tree.links.new(value, socket)
        elif isinstance(value, str):
            socket.default_value = linear(value)
        else:
            socket.default_value = value

    def place(self, scale: Sequence[float] = (1, 1, 1), turn: float = 0.0) -> Socket:
        """Coordinates in the object's own frame, scaled, after a turn about z in radians."""
        coordinates = self.add("TexCoord", "Object")
        return self.add("Mapping", 0, {"Vector": coordinates, "Scale": scale, "Rotation": (0.0, 0.0, turn)})

    def uv(self) -> tuple[Socket, Socket]:
        split = self.add("SeparateXYZ", "X", {0: self.add("UVMap", 0)})
        return split, split.node.outputs["Y"]

    def xyz(self, vector: Socket) -> tuple[Socket, Socket, Socket]:
        node = self.add("SeparateXYZ", 0, {0: vector}).node
        return node.outputs[0], node.outputs[1], node.outputs[2]

    def math(self, operation: str, a: Any, b: Any = 0.0, c: Any = 0.0) -> Socket:
        return self.add("Math", 0, {0: a, 1: b, 2: c}, operation=operation)

    def noise(self, scale: float, detail: float = 3.0, vector: Socket | None = None) -> Socket:
        """Values about 0.5, in 0..1."""
        inputs = {"Vector": vector or self.place(), "Scale": scale, "Detail": detail}
        return self.add("TexNoise", 0, inputs)

    def ramp(self, value: Socket, stops: Sequence[tuple[float, str]], hard: bool = False) -> Socket:
        """Colours at positions 0..1 of `value`, blended or (hard) constant up to the next stop."""
        node = self.add("ValToRGB", 0, {0: value}).node
        node.color_ramp.interpolation = "CONSTANT" if hard else "LINEAR"
        elements = node.color_ramp.elements
        while len(elements) < len(stops):
            elements.new(1.0)
        for element, (position, color) in zip(elements, stops, strict=True):
            element.position, element.color = position, linear(color)
        return node.outputs[0]

    def mix(self, amount: Any, a: Any, b: Any) -> Socket:
        """Colours `a` and `b` blended by `amount` 0..1."""
        node = self.add("Mix", 2, data_type="RGBA").node
        self._set(node.inputs[0], amount)
        self._set(node.inputs[6], a)
        self._set(node.inputs[7], b)
        return node.outputs[2]

    def between(self, value: Socket, low: float, high: float) -> Socket:
        """1 where low < value < high, else 0."""
        return self.math("MULTIPLY", self.math("GREATER_THAN", value, low), self.math("LESS_THAN", value, high))

    def finish(
        self, color: Any, roughness: Any = 0.5, gloss: float = 0.25, bump: Socket | None = None, relief: float = 0.01
    ) -> bpy.types.Material:
        """Close the tree with one principled surface.

        Args:
            color: base colour.
            roughness: 0..1; kept at 0.4 and above so that the look depends little on the viewing direction.
            gloss: specular level; 0.5 is ordinary glass, 0 is matt.
            bump: heights in 0..1 that the surface seems raised by.
            relief: size of that relief, scene units.
        """
        inputs = {"Base Color": color, "Roughness": roughness, "Specular IOR Level": gloss}
        if bump is not None:
            inputs["Normal"] = self.add("Bump", 0, {"Height": bump, "Distance": relief, "Strength": 0.6})
        surface = self.add("BsdfPrincipled", 0, inputs)
        self._tree.links.new(surface, self._tree.nodes.new("ShaderNodeOutputMaterial").inputs[0])
        return self.material
