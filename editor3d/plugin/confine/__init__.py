"""Find the part of a scene, and of its views, that lies in a region."""
