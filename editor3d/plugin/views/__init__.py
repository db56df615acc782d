"""Rays and projected points of cameras with lens distortion."""
