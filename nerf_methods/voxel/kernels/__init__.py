"""Compiled loops of the voxel radiance field."""
