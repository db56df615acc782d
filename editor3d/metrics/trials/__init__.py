"""Try a 2D editor again: other words for the same, other seeds, noise in the photograph."""
