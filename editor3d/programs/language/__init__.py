"""Parse and change Blender programs."""
