"""Measure how near a picture is to the target."""
