"""The process that holds scenes: it renders frames, shows photographs, and tries edits in 2D."""
