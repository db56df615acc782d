"""The training loop, pipeline and data that every method shares."""
