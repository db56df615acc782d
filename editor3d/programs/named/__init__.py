"""Edits by the names that a scene's own things have, without a model."""
