"""The parts that all nerfstudio methods of the project share: trainer, pipeline, data manager, viewer panel."""
