"""Gaussian splats: files, rasterization, model and the nerfstudio methods on them."""
