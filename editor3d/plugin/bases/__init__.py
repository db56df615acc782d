"""Reconstructions that edits start from: found, judged, opened."""
