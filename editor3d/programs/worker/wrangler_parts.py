"""What programs of procedural generation import beside the node wrangler: groups, materials, modifiers, and chance.

Runs inside the worker. `parts` gives it all by name.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import bpy

from editor3d.programs.worker.wrangler import Nodes, NodeWrangler, assign_curve


def to_nodegroup(name: str, singleton: bool = False, type: str = "GeometryNodeTree") -> Callable:
    """Decorate a function that fills a tree: it then gives the name of a node group that it filled."""

    def decorate(function: Callable) -> Callable:
        def made(*arguments: Any, **named: Any) -> str:
            known = bpy.data.node_groups.get(name) if singleton else None
            if known is not None:
                return known.name
            tree = bpy.data.node_groups.new(name, type)
            function(NodeWrangler(tree), *arguments, **named)
            return tree.name

        return made

    return decorate


def shaderfunc_to_material(function: Callable, *arguments: Any, name: str | None = None, **named: Any) -> Any:
    """A new material whose tree the function fills; it may give its shader back instead of an output node."""
    material = bpy.data.materials.new(name or "Shader")
    material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    wrangler = NodeWrangler(tree)
    result = function(wrangler, *arguments, **named)
    if result is not None and not any(node.bl_idname == Nodes.MaterialOutput for node in tree.nodes):
        wrangler.new_node(Nodes.MaterialOutput, input_kwargs={"Surface": result})
    return material


def add_material(
    objs: Any, shader_func: Callable, selection: Any = None, input_args: Any = None, input_kwargs: Any = None,
    name: str | None = None, reuse: bool = False,
) -> Any:  # fmt: skip
    """Give objects a new material that a function builds, in place of theirs."""
    material = shaderfunc_to_material(shader_func, *(input_args or ()), name=name, **(input_kwargs or {}))
    for thing in _objects(objs):
        if isinstance(thing, bpy.types.Material):
            thing.user_remap(material)
            continue
        thing.data.materials.clear()
        thing.data.materials.append(material)
    return material


def add_geomod(
    objs: Any, geo_func: Callable, name: str | None = None, selection: Any = None, attributes: Any = None,
    input_args: Any = None, input_kwargs: Any = None, apply: bool = False, **unused: Any,
) -> None:  # fmt: skip
    """Give objects a modifier of geometry nodes that a function builds."""
    for thing in _objects(objs):
        title = name or "Geometry"
        modifier = thing.modifiers.new(title, "NODES")
        modifier.node_group = bpy.data.node_groups.new(title, "GeometryNodeTree")
        geo_func(NodeWrangler(modifier), *(input_args or ()), **(input_kwargs or {}))


def _objects(things: Any) -> list[Any]:
    found = list(things) if isinstance(things, (list, tuple)) else [things]
    if not all(isinstance(thing, (bpy.types.Object, bpy.types.Material)) for thing in found):
        raise TypeError("a material or geometry is added to an object; is one active?")
    return found


def eval_argument(nw: NodeWrangler, argument: Any, **named: Any) -> Any:
    """What a function of the wrangler gives, or the value itself."""
    return argument(nw, **named) if callable(argument) else argument


def parts(np: ModuleType, random: ModuleType) -> dict[str, Any]:
    """What programs import, by name; random ones draw from this program's own numbers.

    Args:
        np, random: the program's numpy and random.
    """

    class FixedSeed:
        """Numbers that begin with a seed, within a `with`."""

        def __init__(self, seed: int) -> None:
            self._seed = seed

        def __enter__(self) -> None:
            np.random.seed(self._seed)
            random.seed(self._seed)

        def __exit__(self, *error: Any) -> None:
            return None

    def sample_range(low: float, high: float, log_scale: bool = False) -> float:
        return (
            float(np.exp(np.random.uniform(np.log(low), np.log(high)))) if log_scale else np.random.uniform(low, high)
        )

    def sample_ratio(base: float, low: float, high: float) -> float:
        return base * sample_range(low, high, log_scale=True)

    def sample_color(color: Any, offset: float = 0.0) -> None:
        for channel in range(3):
            color[channel] += np.random.normal(0.0, offset) if offset else 0.0

    return {
        "Nodes": Nodes, "NodeWrangler": NodeWrangler, "FixedSeed": FixedSeed, "sample_range": sample_range,
        "sample_ratio": sample_ratio, "sample_color": sample_color, "clip": np.clip,
        "node_wrangler": SimpleNamespace(Nodes=Nodes, NodeWrangler=NodeWrangler),
        "node_utils": SimpleNamespace(to_nodegroup=to_nodegroup, assign_curve=assign_curve),
        "surface": SimpleNamespace(
            add_material=add_material, add_geomod=add_geomod, shaderfunc_to_material=shaderfunc_to_material,
            eval_argument=eval_argument,
        ),
    }  # fmt: skip
