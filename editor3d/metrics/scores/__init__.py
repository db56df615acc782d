"""Scores of an edit that its held-out views alone give, one idea a module."""
