"""A neural style on a mesh: settings, objectives, the run and its results."""
