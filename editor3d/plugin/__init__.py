"""What every nerfstudio method of the project shares: trainer, pipeline, data manager, viewer panel."""
