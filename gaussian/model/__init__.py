"""Gaussian splats as a nerfstudio model."""
