"""Blender programs that refine themselves: search, evaluation, sandbox, render workers."""
