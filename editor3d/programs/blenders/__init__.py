"""Which Blender opens a scene: the one that made it, where it is installed."""
