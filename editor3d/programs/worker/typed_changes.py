"""Read a scene as a map from paths to plain values, and list what a program changed as such values.

Runs inside the worker: imports bpy, and nothing of the engine but what lies beside it. `changes` of two `state`s are
strict JSON, hold no code, and are carried out by `typed_edit.apply`. One change is

    {"path": [KIND, {"at": NAME}, ATTRIBUTE, ...], "value" | "block" | "items" | "geometry": ...}

with `value` a number, a word or a list of them, `block` the kind and name of a datablock that a property points to
(or None), `items` what a list of parts holds (nodes, links, modifiers, stops of a ramp, materials of a mesh, objects of
a collection; and datablocks, where the path is a kind alone), and `geometry` the corners and faces of a new mesh.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import bpy

from editor3d.programs.sandbox import gate_names
from editor3d.programs.worker import scene as worker_scene
from editor3d.programs.worker import versions

Path = tuple[Any, ...]
"""Names of attributes, and ("at", key) for lookups, from `bpy.data` on."""
KINDS = ("node_groups", "materials", "lights", "worlds", "meshes", "curves", "shape_keys", "collections", "objects")
"""Datablocks that changes are about; in an order in which they can be made: each may need those before it."""
MADE = ("node_groups", "materials", "lights", "worlds", "meshes", "curves", "objects")
"""Those of which changes may make new ones."""
MAX_VERTICES = 200_000
"""Of a new mesh that is written as numbers."""
_SCENE = ("world", "view_settings", "collection", "use_nodes", versions.COMPOSITOR)
"""What changes may be about in a scene itself, the compositor's nodes among it; how it is rendered is not a program's
to say."""
_LEFT_OUT = frozenset(
    ["name", "matrix_basis", "matrix_world", "matrix_local", "dimensions", "bl_idname", "bl_label", "tag", "links"]
)
"""Names are keys; the matrices and dimensions follow from other values."""
_BY_TYPE = {
    "NODETREE": "node_groups",
    "MATERIAL": "materials",
    "LIGHT": "lights",
    "WORLD": "worlds",
    "MESH": "meshes",
    "CURVE": "curves",
    "COLLECTION": "collections",
    "OBJECT": "objects",
    "IMAGE": "images",
    "TEXTURE": "textures",
}
_PART_OF_TREE = (bpy.types.Node, bpy.types.NodeSocket)


def at(key: str | int) -> tuple[str, str | int]:
    """A lookup in a path."""
    return "at", key


def state() -> dict[Path, dict[str, Any]]:
    """Every value of the scene that a change may be about, in an order in which they can be set."""
    found: dict[Path, dict[str, Any]] = {}
    for kind in KINDS:
        blocks = own(kind)
        found[kind,] = {"items": [_made_of(kind, block) for block in blocks]}
        for block in blocks:
            found.update(_walk((kind, at(block.name)), block, 0))
    scene = bpy.context.scene
    found.update(_walk(("scenes", at(scene.name)), scene, 0, only=_SCENE))
    return found


def changes(before: dict[Path, dict[str, Any]], after: dict[Path, dict[str, Any]]) -> list[dict[str, Any]]:
    """What leads from one state to the other, with the geometry of new meshes, which must be in the scene now."""
    anew = [path for path, now in after.items() if path[-1] == "nodes" and _made_anew(before.get(path), now)]
    found = []
    for path, now in after.items():
        again = any(path[: len(tree)] == tree for tree in anew)
        if (again or before.get(path) != now) and not (len(path) == 1 and path[0] not in MADE):
            found.append({"path": written(path), **now, **({"anew": True} if path in anew else {})})
    known = {entry[0] for entry in before["meshes",]["items"]}
    for mesh in own("meshes"):
        if mesh.name not in known and mesh.shape_keys is None and len(mesh.vertices) <= MAX_VERTICES:
            found.append({"path": written(("meshes", at(mesh.name))), "geometry": _geometry(mesh)})
    return found


def _made_anew(before: dict[str, Any] | None, now: dict[str, Any]) -> bool:
    """Whether a tree's nodes stand in an order that does not come of taking some out and adding others."""
    if before is None:
        return False
    kept = [node for node in before["items"] if node in now["items"]]
    return now["items"][: len(kept)] != kept


def digests(changes: list[dict[str, Any]]) -> dict[str, str]:
    """SHA-256 of all that is known of each datablock, by what a person calls it; more than `state` can tell.

    Another file's datablock may have the name of one of the scene's own: it is called by its file besides. Of meshes
    whose geometry is among the changes, only that: how Blender orders their edges is its own affair.
    """
    shaped = {change["path"][1]["at"] for change in changes if "geometry" in change}
    found = {}
    for kind in (*KINDS, "cameras", "textures", "lattices", "metaballs", "volumes", "armatures", "actions"):
        if kind == "collections":
            continue
        for block in getattr(bpy.data, kind):
            digest = hashlib.sha256()
            if kind == "meshes" and block.library is None and block.name in shaped:
                digest.update(repr(_geometry(block)).encode())
            else:
                worker_scene.add(digest, block, 0)
            found[_called(kind, block)] = digest.hexdigest()
    scene, digest = bpy.context.scene, hashlib.sha256()
    for part in (scene.view_settings, versions.compositor(scene)):
        if part is not None:
            worker_scene.add(digest, part, 0)
    found[_called("scenes", scene)] = digest.hexdigest()
    for image in bpy.data.images:
        found[_called("images", image)] = "painted" if image.is_dirty else "as it is in its file"
    return found


def _called(kind: str, block: bpy.types.ID) -> str:
    name = called((kind, at(block.name)))
    return name if block.library is None else f"{name} of {block.library.name}"


def unlike(changes: list[dict[str, Any]], wanted: dict[Path, dict[str, Any]], whole: dict[str, str]) -> list[str]:
    """What is not as an earlier state and its `digests` say, as a person calls it."""
    now, digests_now = state(), digests(changes)
    paths = [path for path in {**wanted, **now} if wanted.get(path) != now.get(path)]
    blocks = [name for name in {**whole, **digests_now} if whole.get(name) != digests_now.get(name)]
    return list(dict.fromkeys([*map(called, paths), *blocks]))


def called(path: Path) -> str:
    """What a person calls the datablock of a path: `mesh Cube`."""
    singular = {"meshes": "mesh", "node_groups": "node group", "shape_keys": "shape keys"}
    kind = singular.get(path[0], path[0].removesuffix("s"))
    return f"{kind} {path[1][1]}" if len(path) > 1 else kind


def own(kind: str) -> list[bpy.types.ID]:
    """The file's own datablocks of a kind; those of other files are not ours to change."""
    return [block for block in getattr(bpy.data, kind) if block.library is None]


def written(path: Path) -> list[Any]:
    """A path as JSON has it."""
    return [{"at": part[1]} if isinstance(part, tuple) else part for part in path]


def read(path: list[Any]) -> Path:
    """A path from JSON: a kind, one of its datablocks, and what of that; of a scene only what changes may be about.

    Raises:
        ValueError: it is none.
    """
    parts = []
    for part in path if isinstance(path, list) else ():
        key = part.get("at") if isinstance(part, dict) and len(part) == 1 else None
        if isinstance(key, (str, int)) and not isinstance(key, bool):
            parts.append(at(key))
        elif isinstance(part, str):
            parts.append(part)
        else:
            raise ValueError("a path has names and lookups only")
    if not parts or parts[0] not in (*KINDS, "scenes"):
        raise ValueError("a path begins with a kind of datablock")
    if len(parts) > 1 and not isinstance(parts[1], tuple):
        raise ValueError("a kind is followed by a lookup")
    if parts[0] == "scenes" and not (len(parts) > 2 and parts[2] in _SCENE):
        raise ValueError("how a scene is rendered is not a program's to say")
    return tuple(parts)


def links_of(tree: bpy.types.NodeTree) -> list[list[Any]]:
    """Links as [node, output, node, input], sockets by their places, in the order in which they were made."""
    found = []
    for link in tree.links:
        out, into = link.from_node, link.to_node
        ends = (_place(out.outputs, link.from_socket), _place(into.inputs, link.to_socket))
        found.append([out.name, ends[0], into.name, ends[1]])
    return found


def items_of(owner: bpy.types.bpy_struct, name: str) -> list[list[Any]] | None:
    """What a list of parts holds that can be added to and taken from; None for other lists."""
    parts = getattr(owner, name)
    if name == "nodes" and isinstance(owner, bpy.types.NodeTree):
        return [[node.name, node.bl_idname] for node in parts]
    if name == "modifiers" and isinstance(owner, bpy.types.Object):
        return [[modifier.name, modifier.type] for modifier in parts]
    if name == "elements" and isinstance(owner, bpy.types.ColorRamp):
        return [[index] for index in range(len(parts))]
    if name == "materials" and isinstance(owner, (bpy.types.Mesh, bpy.types.Curve)):
        return [[block.name if block is not None else None] for block in parts]
    if name == "objects" and isinstance(owner, bpy.types.Collection):
        return [[thing.name] for thing in parts]
    return None


def _place(sockets: Any, socket: bpy.types.NodeSocket) -> int:
    return next(index for index, other in enumerate(sockets) if other == socket)


def _made_of(kind: str, block: bpy.types.ID) -> list[Any]:
    """Name, and what a datablock has to be made with."""
    if kind == "lights":
        return [block.name, block.type]
    if kind == "curves":
        return [block.name, _curve_type(block)]
    if kind == "objects":
        return [block.name, reference(block.data)]
    if kind == "node_groups":
        sockets = [entry for entry in block.interface.items_tree if entry.item_type == "SOCKET"]
        # in the order in which they were made, of which their identifiers come
        sockets.sort(key=lambda socket: (len(socket.identifier), socket.identifier))
        return [block.name, block.bl_idname, [[s.name, s.in_out, s.bl_socket_idname] for s in sockets]]
    return [block.name]


def _curve_type(block: bpy.types.Curve) -> str:
    kinds = {bpy.types.TextCurve: "FONT", bpy.types.SurfaceCurve: "SURFACE"}
    return next((word for kind, word in kinds.items() if isinstance(block, kind)), "CURVE")


def reference(block: bpy.types.ID | None) -> list[str] | None:
    """Kind and name of a datablock, and another file's name where it is that one's; a kind that changes cannot be about
    is named by Blender's own word."""
    if block is None:
        return None
    found = [_BY_TYPE.get(block.id_type, block.id_type), block.name]
    return found if block.library is None else [*found, block.library.name]


def points_to_block(entry: bpy.types.Property) -> bool:
    """Whether a property of Blender's holds a datablock that can be exchanged for another."""
    if entry.type != "POINTER" or entry.is_readonly:
        return False
    return issubclass(getattr(bpy.types, entry.fixed_type.identifier, object), bpy.types.ID)


def _walk(
    path: Path, struct: bpy.types.bpy_struct, depth: int, only: tuple[str, ...] | None = None
) -> Iterator[tuple[Path, dict[str, Any]]]:
    allowed, kinds = gate_names.properties(), struct.bl_rna.properties

    def meant(names: list[str]) -> list[str]:
        return [n for n in names if n in allowed and n not in _LEFT_OUT and (only is None or n in only)]

    plain, pointers, collections = worker_scene.plan(struct)
    many = dict(plain)
    for name in meant(list(many)):
        if not kinds[name].is_readonly:
            yield (*path, name), {"value": worker_scene.value(struct, name, many[name])}
    if depth > 6:
        return
    for name in meant(pointers):
        child = getattr(struct, name, None)
        if isinstance(child, bpy.types.ID) and not child.is_embedded_data or child is None:
            if points_to_block(kinds[name]):
                yield (*path, name), {"block": reference(child)}
        elif isinstance(child, bpy.types.bpy_struct) and not isinstance(child, _PART_OF_TREE):
            yield from _walk((*path, name), child, depth + 1)
    for name in meant(collections):
        parts = getattr(struct, name, None)
        if parts is not None and not worker_scene.is_numbers(parts):
            yield from _walk_parts(path, struct, name, parts, depth)
    if isinstance(struct, bpy.types.NodesModifier):
        for key, value in versions.modifier_inputs(struct):
            yield (*path, at(key)), {"value": value}
    if isinstance(struct, bpy.types.NodeTree):
        yield (*path, "links"), {"items": links_of(struct)}


def _walk_parts(
    path: Path, owner: bpy.types.bpy_struct, name: str, parts: Any, depth: int
) -> Iterator[tuple[Path, dict[str, Any]]]:
    items = items_of(owner, name)
    if items is not None:
        yield (*path, name), {"items": items}
    by_name = name in ("nodes", "modifiers", "constraints", "key_blocks")
    for index, part in enumerate(parts):
        if isinstance(part, bpy.types.bpy_struct) and not isinstance(part, bpy.types.ID):
            yield from _walk((*path, name, at(part.name if by_name else index)), part, depth + 1)


def _geometry(mesh: bpy.types.Mesh) -> dict[str, Any]:
    """Corners, edges and faces of a mesh as numbers, with what faces and their corners look like where they differ."""
    uvs, faces = mesh.uv_layers.active, mesh.polygons
    # the edges of faces come with them
    covered = {"position", "sharp_face", "material_index", uvs.name if uvs is not None else ""}
    smooth, material = [face.use_smooth for face in faces], [face.material_index for face in faces]
    return {
        "vertices": [list(vertex.co) for vertex in mesh.vertices],
        "edges": [list(edge.vertices) for edge in mesh.edges if edge.is_loose],
        "faces": [list(face.vertices) for face in faces],
        "smooth": None if all(smooth) else smooth,
        "material": material if any(material) else None,
        "uvs": None if uvs is None else [list(corner.uv) for corner in uvs.data],
        "untold": sorted(a.name for a in mesh.attributes if a.name not in covered and not a.name.startswith(".")),
    }
