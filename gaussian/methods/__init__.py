"""The nerfstudio methods on splats."""
