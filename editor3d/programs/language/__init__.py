"""What can be changed in a Blender program, and how changes are written."""
