"""Write a styled mesh as files that other programs read."""
