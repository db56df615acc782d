"""Rays and points of cameras, lens and all."""
