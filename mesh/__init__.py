"""Styling of triangle meshes: differentiable rendering, a neural style field, and files that other programs read."""
