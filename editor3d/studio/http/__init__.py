"""What the page asks, and who may ask."""
