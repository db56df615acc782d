"""A styled mesh as files that other programs read."""
