"""Dressing a person in one picture: landmarks, who is where, the garment's picture, its warp, and the editors."""
