"""What the readers of meshes share: notes, parts, polygons, text, textures and the files beside a mesh."""
