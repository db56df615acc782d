"""Primitives that are compressed by Draco."""

from __future__ import annotations

import numpy as np

from editor3d.errors import DataError, first_line
from mesh.io.gltf.document import Document
from mesh.io.gltf.schema import Draco


def decoded(document: Document, packed: Draco) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Faces [F, 3] int64 and the attributes [V, C] by their glTF names, of the file's types.

    Raises:
        DataError: the data is no mesh of Draco's, or the package that decodes it is missing.
    """
    content = bytes(document.view(packed.buffer_view))
    if content[:5] != b"DRACO":
        raise document.damaged("its Draco compressed data does not begin as Draco's")
    try:
        import DracoPy
    except ImportError as error:
        raise DataError(
            f"Expected the package DracoPy for {document.path}, which is compressed by Draco, found none: install it "
            f"with `pip install DracoPy`."
        ) from error
    try:
        mesh = DracoPy.decode(content)
        faces = np.asarray(mesh.faces).reshape(-1, 3).astype(np.int64)
        by_id = {found["unique_id"]: np.asarray(found["data"]) for found in mesh.attributes}
    except Exception as error:  # noqa: BLE001 - it raises Exception itself, and AttributeError for point clouds
        raise document.damaged(f"its Draco data cannot be decoded: {first_line(error)}") from error
    attributes = {name: by_id[at] for name, at in packed.attributes.items() if at in by_id}
    if "POSITION" not in attributes or any(values.ndim != 2 for values in attributes.values()):
        raise document.damaged("its Draco data has no positions")
    return faces, attributes
