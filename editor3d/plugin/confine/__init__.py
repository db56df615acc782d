"""What of a scene and of its views a region holds."""
