"""Choose cameras for a scene of splats that has none."""
