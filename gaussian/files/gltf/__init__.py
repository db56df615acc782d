"""glTF 2.0 as .glb with the extension KHR_gaussian_splatting, to the letter of its release candidate."""

from gaussian.files.gltf.reader import read
from gaussian.files.gltf.writer import write

__all__ = ["read", "write"]
