"""Fit Gaussians to pictures: initialisation, growth and training data."""
