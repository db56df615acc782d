"""Materials as functions of the point in space: what a surface is made of, and the light on it."""
