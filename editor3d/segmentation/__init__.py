"""Tell one thing in a scene from the rest of it, given a few marks: graph cuts over the scene's parts.

Imports no torch.
"""
