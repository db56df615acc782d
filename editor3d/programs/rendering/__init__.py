"""Render programs in warm, confined Blender processes, from their owner's side. Imports no bpy."""
