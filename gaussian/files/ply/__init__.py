""".ply files of splats: the original one, and SuperSplat's compressed one."""
