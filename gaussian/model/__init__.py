"""Gaussian splats as a nerfstudio model, and how one view of them is drawn."""
