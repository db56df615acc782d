"""A 3D edit from a dozen 2D edits: key views are edited, made to agree, and carried over to all other views."""
