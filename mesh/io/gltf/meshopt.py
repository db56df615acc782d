"""Views that are compressed by meshoptimizer's codecs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editor3d.errors import DataError

if TYPE_CHECKING:
    from mesh.io.gltf.document import Document
    from mesh.io.gltf.schema import Meshopt


def decoded_view(document: Document, packed: Meshopt) -> memoryview:
    """
    Raises:
        DataError: always, for now.
    """
    raise DataError(
        f"Expected glTF without meshopt compression, {document.path} has it (EXT_meshopt_compression): decompress it "
        f"with `gltf-transform copy in.glb out.glb`."
    )
