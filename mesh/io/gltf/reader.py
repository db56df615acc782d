"""The surfaces of a glTF file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from editor3d.errors import DataError
from editor3d.srgb import to_srgb
from mesh.io.common.notes import Notes
from mesh.io.common.parts import check_size
from mesh.io.gltf.accessors import Accessors
from mesh.io.gltf.document import Document, open_document
from mesh.io.gltf.draco import decoded
from mesh.io.gltf.materials import Look, Looks, placed
from mesh.io.gltf.scene import Placed, joint_transforms, placed_nodes, skinned
from mesh.io.gltf.schema import Draco, Primitive
from mesh.surface import Material, Surface

_TRIANGLES, _STRIP, _FAN = 4, 5, 6
MAX_PARTS = 1 << 16
"""Primitives and copies of them in a scene."""
_JOINT_SETS = 4
"""Sets of four joints a vertex that are read."""


def read(path: Path, notes: Notes) -> list[Surface]:
    """The triangles of the scene that a glTF file shows.

    Raises:
        DataError: it is damaged, or needs something that is not read; the text says which.
    """
    document = open_document(path, notes)
    return _Reader(document).surfaces()


@dataclass(frozen=True)
class _Shape:
    """A primitive before a node moves it."""

    points: np.ndarray
    """[V, 3] float64."""
    faces: np.ndarray
    """[F, 3] int64, all into `points`."""
    attributes: dict[str, np.ndarray]
    """[V, C] float64, by glTF's names."""
    look: Look | None


class _Reader:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._accessors = Accessors(document)
        self._looks = Looks(document)
        self._shapes: dict[tuple[int, int], _Shape | None] = {}
        self._faces = self._vertices = self._parts = 0

    def surfaces(self) -> list[Surface]:
        nodes, world = placed_nodes(self._document)
        return [surface for node in nodes for surface in self._of_node(node, world)]

    def _of_node(self, found: Placed, world: dict[int, np.ndarray]) -> list[Surface]:
        document, node = self._document, found.node
        assert node.mesh is not None  # only such nodes are placed
        mesh = document.item(document.json.meshes, node.mesh, "mesh")
        surfaces = []
        self._parts += len(mesh.primitives) * len(found.transforms)
        if self._parts > MAX_PARTS:
            raise DataError(f"Expected at most {MAX_PARTS} parts and copies in {document.path}, got more: join them.")
        for number, primitive in enumerate(mesh.primitives):
            shape = self._shape(node.mesh, number, primitive)
            if shape is None:
                continue
            copies = len(found.transforms)
            self._faces += copies * len(shape.faces)
            self._vertices += copies * len(shape.points)
            check_size(self._faces, "faces", document.path)
            check_size(self._vertices, "vertices", document.path)
            points = self._morphed(shape.points, primitive, node.weights or mesh.weights)
            transforms = found.transforms
            if node.skin is not None and "JOINTS_0" in shape.attributes and "WEIGHTS_0" in shape.attributes:
                points = self._skinned(points, shape, node.skin, world)
                transforms = np.eye(4)[None]  # the joints say where the mesh is
            surface = _dressed(replace(shape, points=points))
            surfaces += [_moved(surface, transform) for transform in transforms]
        return surfaces

    def _morphed(self, points: np.ndarray, primitive: Primitive, weights: list[float]) -> np.ndarray:
        for weight, target in zip(weights, primitive.targets, strict=False):
            if weight and "POSITION" in target:
                offsets = self._accessors.numbers(target["POSITION"], 3)
                if len(offsets) != len(points):
                    raise self._document.damaged("a morph target has another number of vertices")
                points = points + weight * offsets
        return points

    def _skinned(self, points: np.ndarray, shape: _Shape, skin: int, world: dict[int, np.ndarray]) -> np.ndarray:
        transforms = joint_transforms(self._document, self._accessors, skin, world)
        sets = [number for number in range(_JOINT_SETS) if f"JOINTS_{number}" in shape.attributes]
        joints, weights = (
            np.concatenate([shape.attributes[f"{name}_{number}"] for number in sets], axis=1)
            for name in ("JOINTS", "WEIGHTS")
        )
        return skinned(points, joints.astype(np.int64), weights, transforms) if len(transforms) else points

    def _shape(self, mesh: int, number: int, primitive: Primitive) -> _Shape | None:
        if (mesh, number) not in self._shapes:
            self._shapes[mesh, number] = self._read_shape(primitive)
        return self._shapes[mesh, number]

    def _read_shape(self, primitive: Primitive) -> _Shape | None:
        document = self._document
        if primitive.mode not in (_TRIANGLES, _STRIP, _FAN):
            document.notes.add("points and lines dropped")
            return None
        if "POSITION" not in primitive.attributes:
            document.notes.add("parts without positions dropped")
            return None
        packed = self._draco_of(primitive)
        self._check_counts(primitive)
        if packed is None:
            faces, raw = self._faces_of(primitive), {}
        else:
            faces, raw = decoded(document, packed)
            check_size(len(faces), "faces", document.path)
        look = None if primitive.material is None else self._looks.of(primitive.material)
        attributes = {
            name: self._attribute(name, primitive.attributes[name], raw.get(name))
            for name in self._wanted(primitive, look)
        }
        points = attributes.pop("POSITION")
        if any(len(values) != len(points) for values in attributes.values()):
            raise document.damaged("the attributes of a part differ in length")
        exist = ((faces >= 0) & (faces < len(points))).all(axis=1)
        if not exist.all():
            document.notes.add(f"{int((~exist).sum())} faces of vertices that do not exist dropped")
        return _Shape(points, faces[exist], attributes, look)

    def _draco_of(self, primitive: Primitive) -> Draco | None:
        """A primitive's compressed data, unless the file has the same beside it as plain arrays."""
        json = self._document.json
        position = self._document.item(json.accessors, primitive.attributes["POSITION"], "accessor")
        plain = position.buffer_view is not None and "KHR_draco_mesh_compression" not in json.extensions_required
        return None if plain else primitive.extensions.draco

    def _check_counts(self, primitive: Primitive) -> None:
        path = self._document.path
        check_size(self._vertices + self._accessors.count(primitive.attributes["POSITION"]), "vertices", path)
        if primitive.indices is not None:
            check_size(self._faces + self._accessors.count(primitive.indices) // 3, "faces", path)

    def _wanted(self, primitive: Primitive, look: Look | None) -> list[str]:
        """The attributes that matter, of those that a primitive has."""
        names = ["POSITION", "COLOR_0"]
        for number in range(_JOINT_SETS):
            if f"WEIGHTS_{number}" in primitive.attributes:
                names += [f"JOINTS_{number}", f"WEIGHTS_{number}"]
        if look is not None and look.material.texture is not None:
            name = f"TEXCOORD_{look.tex_coord}"
            if name not in primitive.attributes:
                self._document.notes.add(f"parts without {name} are drawn without their texture")
            names.append(name)
        return [name for name in names if name in primitive.attributes]

    def _attribute(self, name: str, index: int, raw: np.ndarray | None) -> np.ndarray:
        kind = name.split("_")[0]
        width, least = {"POSITION": (3, 3), "TEXCOORD": (2, 2), "COLOR": (4, 3)}.get(kind, (4, 4))
        if raw is not None:
            return self._accessors.scaled(index, raw, width, least)
        return self._accessors.numbers(index, width, least)

    def _faces_of(self, primitive: Primitive) -> np.ndarray:
        """Triangles [F, 3] of a list, a strip or a fan."""
        if primitive.indices is None:
            corners = np.arange(self._accessors.count(primitive.attributes["POSITION"]))
        else:
            corners = self._accessors.integers(primitive.indices)
        if primitive.mode == _TRIANGLES:
            return corners[: len(corners) // 3 * 3].reshape(-1, 3)
        if len(corners) < 3:
            return np.zeros((0, 3), np.int64)
        if primitive.mode == _FAN:
            return np.column_stack([np.full(len(corners) - 2, corners[0]), corners[1:-1], corners[2:]])
        strip = np.column_stack([corners[:-2], corners[1:-1], corners[2:]])
        strip[1::2] = strip[1::2][:, [1, 0, 2]]
        return strip


def _dressed(shape: _Shape) -> Surface:
    """A primitive in its colours: COLOR_0 times the factor, times the texture, in linear light."""
    points, faces, look = shape.points, shape.faces, shape.look
    tints = shape.attributes.get("COLOR_0")
    tints = None if tints is None else np.clip(np.nan_to_num(tints[:, :3]), 0.0, 1.0)
    places = None
    if look is not None and look.material.texture is not None:
        places = shape.attributes.get(f"TEXCOORD_{look.tex_coord}")
    if places is None or look is None:
        if tints is not None:
            factor = 1.0 if look is None else look.factor
            return Surface(points, faces, to_srgb(tints * factor).astype(np.float32))
        return Surface(points, faces, materials=(Material() if look is None else Material(look.material.color),))
    uvs = placed(places, look.transform)[faces]
    if tints is not None and (tints >= 1.0 - 1e-3).all():
        tints = None
    return Surface(
        points, faces, None, uvs, (look.material,), tints=None if tints is None else tints[faces].astype(np.float32)
    )


def _moved(surface: Surface, transform: np.ndarray) -> Surface:
    """A surface where a node puts it; one that the node mirrors is wound the other way, so that it faces out."""
    with np.errstate(over="ignore", invalid="ignore"):
        vertices = surface.vertices @ transform[:3, :3].T + transform[:3, 3]
        mirrored = np.linalg.det(transform[:3, :3]) < 0.0
    moved = replace(surface, vertices=vertices)
    if not mirrored:
        return moved
    return replace(
        moved,
        faces=surface.faces[:, ::-1],
        uvs=None if surface.uvs is None else surface.uvs[:, ::-1],
        tints=None if surface.tints is None else surface.tints[:, ::-1],
    )
