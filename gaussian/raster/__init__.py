"""Gaussian splatting with one call on any device."""
