"""Iterative dataset update in nerfstudio: settings, pipeline and trainer of the edit methods."""
