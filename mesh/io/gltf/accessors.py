"""The arrays of a glTF file: any component type, normalised or not, strided, sparse or compressed."""

from __future__ import annotations

import numpy as np

from mesh.io.common.parts import check_size
from mesh.io.gltf.document import Document
from mesh.io.gltf.meshopt import decoded_view
from mesh.io.gltf.schema import Accessor, Sparse

_COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5124: "<i4", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class Accessors:
    """Reads accessors of a document, and each compressed view once."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._views: dict[int, memoryview] = {}

    def count(self, index: int) -> int:
        """How many rows an accessor has."""
        return self._accessor(index).count

    def _accessor(self, index: int) -> Accessor:
        return self._document.item(self._document.json.accessors, index, "accessor")

    def integers(self, index: int) -> np.ndarray:
        """An accessor of indices [N] int64."""
        values = self._raw(index)
        if values.dtype.kind == "f" or values.shape[1] != 1:
            raise self._document.damaged(f"its accessor {index} holds no indices")
        return values[:, 0].astype(np.int64)

    def numbers(self, index: int, width: int, least: int | None = None) -> np.ndarray:
        """An accessor of vectors [N, width] float64; normalised whole numbers are in -1..1.

        Args:
            least: fewer components are taken too, but at least these; the array is then narrower.
        """
        return self.scaled(index, self._raw(index), width, least)

    def scaled(self, index: int, values: np.ndarray, width: int, least: int | None = None) -> np.ndarray:
        """Values [N, C] that take an accessor's place, as `numbers` gives them."""
        accessor = self._accessor(index)
        if not (width if least is None else least) <= values.shape[1] <= width:
            raise self._document.damaged(f"its accessor {index} is {accessor.type[:20]} where {width} numbers are due")
        numbers = values.astype(np.float64)
        if accessor.normalized and values.dtype.kind in "iu":
            numbers = np.maximum(numbers / np.iinfo(values.dtype).max, -1.0)
        return numbers

    def _raw(self, index: int) -> np.ndarray:
        """[N, width] of the file's type, sparse values in their places."""
        document, accessor = self._document, self._accessor(index)
        if accessor.component_type not in _COMPONENTS or accessor.type not in _WIDTHS:
            raise document.damaged(f"its accessor {index} is of the unknown type {accessor.type[:20]!r}")
        kind, width = np.dtype(_COMPONENTS[accessor.component_type]), _WIDTHS[accessor.type]
        if accessor.buffer_view is None:
            check_size(accessor.count, "vertices", document.path)
            values = np.zeros((accessor.count, width), kind)
        else:
            stride = self._stride(accessor.buffer_view)
            values = self._rows(accessor.buffer_view, accessor.byte_offset, accessor.count, kind, width, stride)
        if accessor.sparse is not None:
            values = self._with_sparse(values.copy(), accessor.sparse)
        return values

    def _with_sparse(self, values: np.ndarray, sparse: Sparse) -> np.ndarray:
        kind = _COMPONENTS.get(sparse.indices.component_type)
        if kind is None or np.dtype(kind).kind == "f":
            raise self._document.damaged("a sparse accessor's indices are no whole numbers")
        places = self._rows(
            sparse.indices.buffer_view, sparse.indices.byte_offset, sparse.count, np.dtype(kind), 1, None
        )[:, 0]
        if len(places) and not 0 <= int(places.min()) <= int(places.max()) < len(values):
            raise self._document.damaged("a sparse accessor names a row that it does not have")
        rows = self._rows(
            sparse.values.buffer_view, sparse.values.byte_offset, sparse.count, values.dtype, values.shape[1], None
        )
        values[places.astype(np.int64)] = rows
        return values

    def _stride(self, view: int) -> int | None:
        found = self._document.item(self._document.json.buffer_views, view, "bufferView")
        return found.byte_stride or None

    def _bytes(self, index: int) -> memoryview:
        if index not in self._views:
            document = self._document
            view = document.item(document.json.buffer_views, index, "bufferView")
            packed = view.extensions.ext_meshopt or view.extensions.khr_meshopt
            self._views[index] = document.view(index) if packed is None else decoded_view(document, packed)
        return self._views[index]

    def _rows(self, view: int, offset: int, count: int, kind: np.dtype, width: int, stride: int | None) -> np.ndarray:
        """Rows [count, width] of a view; only as many as it holds."""
        content = self._bytes(view)
        stride = stride or kind.itemsize * width
        if stride < kind.itemsize * width:
            raise self._document.damaged(f"the rows of its bufferView {view} overlap")
        end = offset + stride * (count - 1) + kind.itemsize * width if count else offset
        if end > len(content):
            raise self._document.damaged(f"its bufferView {view} has {len(content)} bytes, {end} are needed")
        return np.ndarray((count, width), kind, content, offset, (stride, kind.itemsize)) if count else np.zeros(
            (0, width), kind)  # fmt: skip
