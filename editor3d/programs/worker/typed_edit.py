"""Carries out typed changes on the open scene.

Changes come from a process that ran what nobody has read, and are themselves taken to be hostile: places are looked up
through Blender's own description of its types, among the names that programs may use, and get plain values of the
property's own kind. Nothing is called that they name, and no text of theirs is run. Imports bpy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import bpy

from editor3d.programs.sandbox import gate_names
from editor3d.programs.worker import guard as worker_guard
from editor3d.programs.worker import scene as worker_scene
from editor3d.programs.worker import typed_changes, versions
from editor3d.programs.worker.typed_changes import KINDS, MADE, Path

_FAILURES = (KeyError, IndexError, AttributeError, TypeError, ValueError, RuntimeError, OverflowError, ReferenceError)
"""What Blender raises for places and values that it does not have."""
_POINTED_AT = (*KINDS, "images", "textures")


def apply(changes: Iterable[Any]) -> list[str]:
    """Carry out changes, parts before the values that they hold.

    Returns:
        What a person calls the datablocks that could not be changed as they should, each once.
    """
    read, missing = [], []
    for change in changes:
        try:
            read.append((typed_changes.read(change["path"]), change))
        except (ValueError, TypeError, KeyError, AttributeError):
            missing.append("something without a place")
    for step in (_made, _shaped, _with_nodes, _with_parts, _valued, _linked, _removed):
        for path, change in sorted(read, key=lambda one: _rank(one[0])) if step is _made else read:
            try:
                step(path, change)
            except _FAILURES:
                missing.append(typed_changes.called(path))
    for thing in typed_changes.own("objects"):
        thing.update_tag()
    return list(dict.fromkeys(missing))


def unused() -> set[str]:
    """What a person calls the datablocks that nothing uses: Blender does not save them."""
    blocks = [(kind, block) for kind in MADE for block in typed_changes.own(kind)]
    return {typed_changes.called((kind, typed_changes.at(block.name))) for kind, block in blocks if not block.users}


def lost(changes: Iterable[Any], unused: set[str]) -> list[str]:
    """What a person calls the datablocks of the open scene that are not as changes say, each once.

    Args:
        unused: those that were not saved as nothing uses them, and are no loss.
    """
    found = []
    for change in changes:
        try:
            path = typed_changes.read(change["path"])
        except (ValueError, TypeError, KeyError, AttributeError):
            continue  # `apply` tells of it
        try:
            so = _is_so(path, change)
        except _FAILURES:
            so = False
        if not so:
            found.append(typed_changes.called(path))
    return [name for name in dict.fromkeys(found) if name not in unused]


def _is_so(path: Path, change: dict[str, Any]) -> bool:
    """Whether the open scene has what a change says. Raises one of `_FAILURES` where its place is not there."""
    if len(path) == 1:
        return True  # each of its datablocks has changes of its own
    if "geometry" in change:
        mesh, given = _at(path), change["geometry"]
        return (len(mesh.vertices), len(mesh.polygons)) == (len(given["vertices"]), len(given["faces"]))
    owner, last = _at(path[:-1]), path[-1]
    if last == "links" and "items" in change:
        return typed_changes.links_of(owner) == change["items"]
    if "items" in change:
        return typed_changes.items_of(owner, last) == change["items"]
    if "block" in change:
        return typed_changes.reference(getattr(owner, last)) == change["block"]
    if isinstance(last, tuple):
        return dict(versions.modifier_inputs(owner))[last[1]] == change["value"]
    entry = _described(owner, last)
    many = getattr(entry, "is_array", False) or getattr(entry, "is_enum_flag", False)
    return worker_scene.value(owner, last, many) == change["value"]


def _rank(path: Path) -> int:
    return MADE.index(path[0]) if path[0] in MADE else len(MADE)


def _made(path: Path, change: dict[str, Any]) -> None:
    """New datablocks."""
    if len(path) > 1 or path[0] not in MADE:
        return
    there = {block.name for block in typed_changes.own(path[0])}
    for name, *rest in change["items"]:
        if name in there:
            continue
        block = _MAKERS[path[0]](str(name), *rest)
        if block.name != name:
            raise ValueError("another datablock has the name")


def _new_group(name: str, kind: str, sockets: list[list[str]]) -> bpy.types.NodeTree:
    if kind not in ("GeometryNodeTree", "ShaderNodeTree"):
        raise ValueError("no such kind of nodes")
    tree = bpy.data.node_groups.new(name, kind)
    for title, way, socket in sockets:
        tree.interface.new_socket(title, in_out=way, socket_type=socket)
    return tree


def _new_object(name: str, data: list[str] | None) -> bpy.types.Object:
    return bpy.data.objects.new(name, None if data is None else _block(data))


_MAKERS: dict[str, Callable[..., bpy.types.ID]] = {
    "node_groups": _new_group,
    "materials": lambda name: bpy.data.materials.new(name),
    "lights": lambda name, kind: bpy.data.lights.new(name, kind),
    "worlds": lambda name: bpy.data.worlds.new(name),
    "meshes": lambda name: bpy.data.meshes.new(name),
    "curves": lambda name, kind: bpy.data.curves.new(name, kind),
    "objects": _new_object,
}


def _shaped(path: Path, change: dict[str, Any]) -> None:
    """The geometry of a new mesh."""
    if "geometry" not in change:
        return
    mesh, given = _at(path), change["geometry"]
    if not isinstance(mesh, bpy.types.Mesh) or len(mesh.vertices):
        raise ValueError("only new meshes are given a shape")
    corners, count = [*given["edges"], *given["faces"]], len(given["vertices"])
    if not all(type(index) is int and 0 <= index < count for part in corners for index in part):
        raise ValueError("a face of vertices that there are not")
    mesh.from_pydata(given["vertices"], given["edges"], given["faces"], shade_flat=False)
    for name, key in (("use_smooth", "smooth"), ("material_index", "material")):
        if given[key] is not None:
            mesh.polygons.foreach_set(name, given[key])
    if given["uvs"] is not None:
        mesh.uv_layers.new().data.foreach_set("uv", [number for corner in given["uvs"] for number in corner])
    mesh.validate()
    mesh.update()


def _with_nodes(path: Path, change: dict[str, Any]) -> None:
    if path[-1] == "use_nodes" and "value" in change:
        _valued(path, change)


def _with_parts(path: Path, change: dict[str, Any]) -> None:
    """Nodes, modifiers, stops, materials and members as they should be."""
    if "items" not in change or len(path) == 1 or path[-1] == "links":
        return
    owner, name, wanted = _at(path[:-1]), path[-1], change["items"]
    there = typed_changes.items_of(owner, name)
    if there is None:
        raise ValueError("no list that can be added to")
    if there == wanted and not change.get("anew"):
        return
    parts = getattr(owner, name)
    if name == "materials":
        blocks = [None if block is None else bpy.data.materials[block] for (block,) in wanted]
        while len(parts) > len(blocks):
            parts.pop(index=len(parts) - 1)
        # one by one: clearing the list would give all faces the first material
        for index, block in enumerate(blocks[: len(parts)]):
            parts[index] = block
        for block in blocks[len(parts) :]:
            parts.append(block)
        return
    if name == "elements":
        while len(parts) > len(wanted):
            parts.remove(parts[-1])
        for _ in range(len(wanted) - len(parts)):
            parts.new(1.0)
        return
    if change.get("anew"):
        parts.clear()
        there = []
    for entry in there:
        if entry not in wanted:
            _take_out(parts, entry[0])
    for entry in wanted:
        if entry not in there:
            _put_in(parts, name, *entry)


def _take_out(parts: Any, name: str) -> None:
    part = parts[name]
    parts.unlink(part) if isinstance(part, bpy.types.Object) else parts.remove(part)


def _put_in(parts: Any, where: str, name: str, kind: str = "") -> None:
    if where == "objects":
        parts.link(bpy.data.objects[name])
    elif where == "modifiers":
        parts.new(name, kind)
    elif kind.startswith(worker_guard.FORBIDDEN_NODES):
        raise ValueError("no node that runs code, or reads or writes files")
    else:
        parts.new(kind).name = name


def _valued(path: Path, change: dict[str, Any]) -> None:
    """A plain value, or what a property points to."""
    if len(path) < 3 or not ("value" in change or "block" in change):
        return
    owner, last = _at(path[:-1]), path[-1]
    if isinstance(last, tuple):
        _custom_value(owner, last[1], change["value"])
        return
    entry = _described(owner, last)
    if "block" in change:
        if not typed_changes.points_to_block(entry):
            raise TypeError("no property that points to a datablock")
        if typed_changes.reference(getattr(owner, last)) != change["block"]:
            setattr(owner, last, None if change["block"] is None else _block(change["block"]))
        return
    if entry.type not in worker_scene.SIMPLE or entry.is_readonly or entry.subtype in gate_names.PATHS:
        raise TypeError("no property that has a plain value")
    many = getattr(entry, "is_array", False) or getattr(entry, "is_enum_flag", False)
    value, now = change["value"], worker_scene.value(owner, last, many)
    if value == now:
        return
    for part in value if isinstance(value, list) else [value]:
        _check(part)
    if entry.type == "ENUM" and many:
        value = set(value)
    elif many and entry.array_dimensions[1]:
        rows, columns = entry.array_dimensions[:2]
        value = [value[row * columns : (row + 1) * columns] for row in range(rows)]
    setattr(owner, last, value)


def _custom_value(owner: Any, key: str | int, value: Any) -> None:
    """An input of a modifier made of nodes."""
    if not isinstance(owner, bpy.types.NodesModifier) or not isinstance(key, str):
        raise TypeError("only modifiers have such values")
    for part in value if isinstance(value, list) else [value]:
        _check(part)
    owner[key] = value


def _check(value: Any) -> None:
    if not isinstance(value, (bool, int, float, str)) or (isinstance(value, float) and not math.isfinite(value)):
        raise TypeError("no plain value")


def _linked(path: Path, change: dict[str, Any]) -> None:
    """Links between nodes."""
    if path[-1] != "links" or "items" not in change:
        return
    tree, wanted = _at(path[:-1]), change["items"]
    if typed_changes.links_of(tree) == wanted:
        return
    tree.links.clear()
    for out, output, into, socket in wanted:
        tree.links.new(tree.nodes[out].outputs[output], tree.nodes[into].inputs[socket])


def _removed(path: Path, change: dict[str, Any]) -> None:
    """Datablocks that are gone."""
    if len(path) > 1 or path[0] not in MADE:
        return
    wanted, blocks = {entry[0] for entry in change["items"]}, getattr(bpy.data, path[0])
    for block in typed_changes.own(path[0]):
        if block.name not in wanted:
            blocks.remove(block)


def _at(path: Path) -> Any:
    """What lies at a path, in the datablock that it names and not in one that this points to.

    Raises:
        AttributeError: a name that is no property that programs may use.
        ValueError: it leads to another datablock, or into another file.
    """
    owner: Any = bpy.data
    for index, part in enumerate(path):
        if isinstance(part, tuple):
            owner = owner[part[1]]
        elif index == 0:
            owner = getattr(owner, part)
        else:
            _described(owner, part)
            owner = getattr(owner, part)
        if isinstance(owner, bpy.types.ID):
            if owner.library is not None:
                raise ValueError("it belongs to another file")
            if index > 1 and not owner.is_embedded_data:
                raise ValueError("it is another datablock")
    return owner


def _described(owner: Any, name: str) -> Any:
    """Blender's description of a property."""
    if name not in gate_names.properties() or name not in owner.bl_rna.properties:
        raise AttributeError(f"no property {name}")
    return owner.bl_rna.properties[name]


def _block(reference: list[str]) -> bpy.types.ID:
    kind, name, *file = reference
    if kind not in _POINTED_AT:
        raise ValueError("no kind of datablock that is pointed at")
    for block in getattr(bpy.data, kind):
        if typed_changes.reference(block) == [kind, name, *file]:
            return block
    raise KeyError(name)
