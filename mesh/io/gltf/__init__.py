"""glTF 2.0, as .glb or .gltf: the scene's triangles where its nodes put them, in the colours of their materials."""

from mesh.io.gltf.reader import read

__all__ = ["read"]
