"""Cameras with their lenses, what views see of a scene, and where two of them see the same of it."""
