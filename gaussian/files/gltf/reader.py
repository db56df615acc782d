"""Read the Gaussians of a binary glTF (.glb) with the extension KHR_gaussian_splatting.

All primitives that have the extension are read, each where the scene's nodes put it: the attributes are floats, or
integers as the extension allows them. The kernel is `ellipse`, the colours are those of sRGB. Translations of
nodes are doubles, and stay so. Compressed primitives, sparse accessors and data outside the file are refused.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from editor3d.errors import DataError, shown
from gaussian.files.arrays import splats_of, turned_about_z
from gaussian.files.contents import SplatFile, centred
from gaussian.splats import MAX_SH_DEGREE, Splats, concatenate, transform

_EXTENSION = "KHR_gaussian_splatting"
_MAX_JSON = 1 << 24
_MAX_NODES = 1 << 16
_MAX_DEPTH = 256
_WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}
_INTEGERS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2"}
_FLOAT = 5126


def read(path: Path) -> SplatFile:
    """
    Raises:
        DataError: as `read_splats`.
    """
    return _Scene(path, *_chunks(path)).read()


def _chunks(path: Path) -> tuple[dict, bytes]:
    """The description and the data of a .glb."""
    data = path.read_bytes()
    if len(data) < 20 or data[:4] != b"glTF":
        raise DataError(f"{path} is no .glb file or is cut short: it does not begin with glTF's header.")
    version, length = struct.unpack_from("<II", data, 4)
    if version != 2 or not 20 <= length <= len(data):
        raise DataError(f"{path}: expected binary glTF 2 of {len(data)} bytes, its header says {version} and {length}.")
    chunks, start = {}, 12
    while start + 8 <= length:
        size, kind = struct.unpack_from("<I4s", data, start)
        if start + 8 + size > length:
            raise DataError(f"{path} is cut short: a part of {size} bytes ends behind the file.")
        chunks.setdefault(kind, data[start + 8 : start + 8 + size])
        start += 8 + size
    text = chunks.get(b"JSON", b"")
    try:
        model = json.loads(text) if len(text) <= _MAX_JSON else None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged: its description is not valid JSON.") from error
    if not isinstance(model, dict):
        raise DataError(f"{path} is damaged: expected a description of at most {_MAX_JSON >> 20} MiB.")
    return model, chunks.get(b"BIN\0", b"")


class _Scene:
    """What a description says of a file's data."""

    def __init__(self, path: Path, model: dict, data: bytes) -> None:
        self._path, self._model, self._data = path, model, data

    def read(self) -> SplatFile:
        parts, places, notes = [], [], []
        for mesh, matrix in self._placed():
            for primitive in self._list(mesh, "primitives"):
                said = primitive.get("extensions") if isinstance(primitive, dict) else None
                said = said.get(_EXTENSION) if isinstance(said, dict) else None
                if not isinstance(said, dict):
                    continue
                self._check(primitive, said)
                splats = turned_about_z(self._splats(primitive))
                flipped = matrix.copy()  # F M F with F = diag(-1, -1, 1): in the frame of a .ply
                flipped[:2] *= -1
                flipped[:, :2] *= -1
                parts.append(self._turned(splats, flipped[:, :3]))
                places.append(parts[-1].means.double().numpy() + flipped[:, 3])
        if not parts:
            raise DataError(
                f"Expected splats in {self._path}, a mesh or points without {_EXTENSION} came: `editor3d mesh style` "
                f"takes a mesh."
            )
        if len({part.sh_degree for part in parts}) > 1:
            notes.append("Its parts have harmonics of different degrees: the higher ones of the others are zero.")
        means, offset = centred(np.concatenate(places))
        joined = concatenate(parts)
        tensors = {**joined.tensors, "means": torch.from_numpy(np.require(means, np.float32, ["C", "W"]))}
        return SplatFile(Splats(**tensors), offset, notes=tuple(notes))

    def _list(self, holder: object, name: str) -> list:
        found = holder.get(name, []) if isinstance(holder, dict) else []
        if not isinstance(found, list):
            raise self._damaged(f"expected a list of {name}, got {shown(found)}")
        return found

    def _damaged(self, reason: str) -> DataError:
        return DataError(f"{self._path} is damaged: {reason}.")

    def _placed(self) -> Iterator[tuple[object, np.ndarray]]:
        """The meshes of the scene's nodes, and where each is: [3, 4] float64."""
        nodes, scenes, meshes = (self._list(self._model, name) for name in ("nodes", "scenes", "meshes"))
        shown_scene = self._model.get("scene", 0)
        roots = self._list(scenes[self._index(shown_scene, scenes, "scene")], "nodes") if scenes else range(len(nodes))
        todo = [(root, np.eye(3, 4), 0) for root in roots]
        visited = 0
        while todo:
            number, above, depth = todo.pop()
            visited += 1
            if visited > _MAX_NODES or depth > _MAX_DEPTH:
                raise self._damaged(f"its nodes are in a circle, or more than {_MAX_NODES}")
            node = nodes[self._index(number, nodes, "node")]
            own = self._matrix(node)
            here = np.column_stack([above[:, :3] @ own[:, :3], above[:, :3] @ own[:, 3] + above[:, 3]])
            if "mesh" in node:
                yield meshes[self._index(node["mesh"], meshes, "mesh")], here
            todo += [(child, here, depth + 1) for child in self._list(node, "children")]

    def _index(self, number: object, among: list, kind: str) -> int:
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < len(among):
            raise self._damaged(f"it names the {kind} {shown(number)} of {len(among)}")
        if not isinstance(among[number], dict):
            raise self._damaged(f"its {kind} {number} is no object")
        return number

    def _numbers(self, node: dict, name: str, count: int, default: Sequence[float]) -> np.ndarray:
        values = node.get(name, default)
        fits = isinstance(values, list) and len(values) == count
        if not fits or not all(isinstance(v, int | float) and abs(v) < 1e300 for v in values):
            raise self._damaged(f"expected {count} numbers as {name} of a node, got {shown(values)}")
        return np.array(values, np.float64)

    def _matrix(self, node: dict) -> np.ndarray:
        """A node's own [3, 4]."""
        if "matrix" in node:
            return self._numbers(node, "matrix", 16, []).reshape(4, 4).T[:3]
        x, y, z, w = self._numbers(node, "rotation", 4, [0, 0, 0, 1])
        if not 0.9 < x * x + y * y + z * z + w * w < 1.1:
            raise self._damaged("the rotation of a node is no unit quaternion")
        rotation = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
            ]
        )
        scale, place = (self._numbers(node, n, 3, d) for n, d in (("scale", [1, 1, 1]), ("translation", [0, 0, 0])))
        return np.column_stack([rotation * scale, place])

    def _turned(self, splats: Splats, linear: np.ndarray) -> Splats:
        if np.array_equal(linear, np.eye(3)):
            return splats
        try:
            return transform(splats, torch.from_numpy(np.column_stack([linear, np.zeros(3)])))
        except ValueError as error:
            raise DataError(
                f"Expected nodes that move, turn and scale alike in all directions in {self._path}, found one that "
                f"shears, mirrors or collapses: apply its transform where the file was made."
            ) from error

    def _check(self, primitive: dict, said: dict) -> None:
        inner = said.get("extensions")
        if isinstance(inner, dict) and inner:
            raise DataError(
                f"{self._path}: expected plain attributes of {_EXTENSION}, found {shown(sorted(inner)[0])}: write it "
                f"anew without compression, or as .ply or .spz."
            )
        if primitive.get("mode", 4) != 0:
            raise self._damaged(f"expected splats as points (mode 0), got mode {shown(primitive.get('mode', 4))}")
        if said.get("kernel") != "ellipse" or said.get("colorSpace") != "srgb_rec709_display":
            raise DataError(
                f"{self._path}: expected the kernel ellipse and the colour space srgb_rec709_display, found "
                f"{shown(said.get('kernel'))} and {shown(said.get('colorSpace'))}: write it anew, or as .ply."
            )

    def _splats(self, primitive: dict) -> Splats:
        names = primitive.get("attributes")
        if not isinstance(names, dict):
            raise self._damaged("a primitive has no attributes")
        means = self._values(names, "POSITION", 3)
        quats = self._values(names, f"{_EXTENSION}:ROTATION", 4, (5120, 5122), True)
        scales = self._values(names, f"{_EXTENSION}:SCALE", 3, (5121, 5123), None)
        opacities = self._values(names, f"{_EXTENSION}:OPACITY", 1, (5121, 5123), True)[:, 0].astype(np.float64)
        if (scales < 0).any() or (opacities < 0).any() or (opacities > 1).any():
            raise self._damaged("a scale is negative, or an opacity is not in 0..1")
        harmonics = []
        for degree in range(MAX_SH_DEGREE + 1):
            own = [f"{_EXTENSION}:SH_DEGREE_{degree}_COEF_{index}" for index in range(2 * degree + 1)]
            if degree > 0 and not any(name in names for name in own):
                break
            harmonics += [self._values(names, name, 3) for name in own]
        if len({len(values) for values in (means, quats, scales, opacities, *harmonics)}) != 1:
            raise self._damaged("the attributes of its splats differ in length")
        with np.errstate(divide="ignore"):
            logits, log_scales = np.log(opacities) - np.log1p(-opacities), np.log(scales.astype(np.float64))
        return splats_of(means, log_scales, np.roll(quats, 1, axis=1), logits, np.stack(harmonics, 1))

    def _values(
        self, names: dict, name: str, width: int, integers: tuple[int, ...] = (), normalized: bool | None = False
    ) -> np.ndarray:
        """One attribute [N, width] as floats.

        Args:
            integers: the component types that it may have besides floats.
            normalized: whether integers must be, None where they may.
        """
        accessors = self._list(self._model, "accessors")
        if name not in names:
            raise self._damaged(f"its splats lack {name}")
        accessor = accessors[self._index(names[name], accessors, "accessor")]
        kind, count, of = (accessor.get(key) for key in ("componentType", "count", "type"))
        whole = accessor.get("normalized", False)
        if kind != _FLOAT and (kind not in integers or (normalized is not None and whole is not normalized)):
            raise self._damaged(f"{name} has components of type {shown(kind)}, which the extension does not allow")
        if not isinstance(of, str) or _WIDTHS.get(of) != width or not isinstance(count, int) or count < 1:
            raise self._damaged(f"{name} is {shown(count)} of {shown(of)}")
        if "sparse" in accessor or "bufferView" not in accessor:
            raise self._damaged(f"{name} is sparse or empty, which splats are not")
        views, buffers = self._list(self._model, "bufferViews"), self._list(self._model, "buffers")
        view = views[self._index(accessor["bufferView"], views, "part of the data")]
        if view.get("buffer") != 0 or not buffers or not isinstance(buffers[0], dict) or "uri" in buffers[0]:
            raise DataError(f"{self._path}: expected its data inside the file: write it anew as one .glb.")
        layout = np.dtype("<f4" if kind == _FLOAT else _INTEGERS[kind])
        step = view.get("byteStride", layout.itemsize * width)
        start, inside, length = view.get("byteOffset", 0), accessor.get("byteOffset", 0), view.get("byteLength")
        if not all(isinstance(n, int) and 0 <= n < 1 << 40 for n in (step, start, inside, length)):
            raise self._damaged(f"{name} lies at {shown(start)}")
        needed = inside + step * (count - 1) + layout.itemsize * width
        if step < layout.itemsize * width or needed > length or start + length > len(self._data):
            raise DataError(f"{self._path} is cut short: {name} of {count} splats is not in the file.")
        found = np.ndarray((count, width), layout, self._data, start + inside, (step, layout.itemsize))
        if kind == _FLOAT:
            return found.astype(np.float32)
        most = np.iinfo(layout).max if whole else 1
        return np.maximum(found.astype(np.float64) / most, -1.0 if whole else -np.inf)
