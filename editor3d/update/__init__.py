"""Iterative dataset update: which view, at what noise level; edit, store, resume."""
