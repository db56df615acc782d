"""Find start points in the pictures of captures that have no points, or wrong ones."""
