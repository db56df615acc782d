"""The surface of a whole scene, fused from what its views see, and what of the sky it sees."""
