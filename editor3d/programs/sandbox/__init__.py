"""The gate and the boundary around programs that nobody has read."""
