"""What Blender's versions name differently, under one name. Runs inside the worker: imports bpy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import bpy

COMPOSITOR = "compositing_node_group" if bpy.app.version >= (5, 0) else "node_tree"
"""Where a scene has its compositor's nodes; from 5.0 on they are a node group of their own."""
INPUTS_ARE_ITEMS = bpy.app.version < (5, 2)
"""Whether a modifier made of nodes keeps its inputs as items (`modifier["Socket_2"]`); from 5.2 on they are properties
(`modifier.properties.inputs.Socket_2.value`)."""
_LISTS_PATHS = bpy.app.version >= (4, 4)
OF_EACH_GROUP = ("GeometryNodesModifierInterface", "GeometryNodesInterface", "Socket_")
"""How the types begin whose properties are those of one node group, although all groups' have the same name."""


def compositor(scene: bpy.types.Scene) -> bpy.types.NodeTree | None:
    """The compositor's nodes, whether they are used or not."""
    return getattr(scene, COMPOSITOR)


def composes(scene: bpy.types.Scene) -> bool:
    """Whether the compositor changes the picture; from 5.0 on, it does where it has nodes."""
    return compositor(scene) is not None and (COMPOSITOR != "node_tree" or scene.use_nodes)


def paths_by_block(blocks: Iterable[bpy.types.ID]) -> dict[bpy.types.ID, set[str]]:
    """The files that datablocks refer to; before 4.4 those alone that they have as their one file path."""
    if _LISTS_PATHS:
        return bpy.data.file_path_map(include_libraries=False)
    return {block: {block.filepath} for block in blocks if "filepath" in block.bl_rna.properties}


def has_type_of_its_own(struct: bpy.types.bpy_struct) -> bool:
    """Whether a struct's properties are not those of all structs of its class."""
    return type(struct).__name__.startswith(OF_EACH_GROUP)


def items(struct: bpy.types.bpy_struct) -> dict[str, Any]:
    """What a datablock or a modifier made of nodes holds by keys besides its properties."""
    if isinstance(struct, bpy.types.NodesModifier) and not INPUTS_ARE_ITEMS:
        return {}
    return dict(struct.items()) if isinstance(struct, (bpy.types.ID, bpy.types.NodesModifier)) else {}


def place_of_input(identifier: str) -> str:
    """Where a modifier made of nodes has an input, behind the modifier in a program."""
    return f'["{identifier}"]' if INPUTS_ARE_ITEMS else f".properties.inputs.{identifier}.value"


def menu_of(modifier: bpy.types.NodesModifier, identifier: str) -> dict[str, list[Any]]:
    """The choices of a modifier's menu, and the numbers by which it keeps them, where it does."""
    if not INPUTS_ARE_ITEMS:
        value = getattr(modifier.properties.inputs, identifier).bl_rna.properties["value"]
        return {"choices": [entry.identifier for entry in value.enum_items]}
    # none where no node makes a menu of the input
    entries = modifier.id_properties_ui(identifier).as_dict().get("items", ())
    return {"choices": [entry[0] for entry in entries], "numbers": [entry[-1] for entry in entries]}


def modifier_inputs(modifier: bpy.types.NodesModifier) -> Iterator[tuple[str, Any]]:
    """The plain values that a modifier gives its nodes by keys; from 5.2 on none, as they are properties."""
    for key, value in items(modifier).items():
        if isinstance(value, (bool, int, float, str)):
            yield key, value
        elif hasattr(value, "to_list"):
            yield key, value.to_list()
