"""Reading the file formats of meshes: a module or folder each, and what they share."""
