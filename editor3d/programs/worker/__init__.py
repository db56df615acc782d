"""Render workers: warm, confined Blender processes, and what runs inside them. Imports nothing by itself."""
