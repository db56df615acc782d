"""Differentiable pictures of a mesh."""
