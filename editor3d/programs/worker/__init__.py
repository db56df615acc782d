"""The code inside a confined Blender process, which opens a scene once and renders one program after another."""
