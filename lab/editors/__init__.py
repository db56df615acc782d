"""Editors for measuring: what they do wrong is known."""
