"""Render one view of a scene of Gaussians: its pinhole canvas, picture, depth and visible parts."""
