"""Changing scenes of splats, of runs and of files."""
