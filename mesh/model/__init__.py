"""A mesh with a style: its colours, the style field, and both together for optimisation and rendering."""
