"""A mesh that wears a style: its colours, the style field, and both together as what is optimised and rendered."""
