"""What the maps of pictures and of surfaces are built of."""
