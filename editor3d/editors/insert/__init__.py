"""The procedural inserter: a simple thing that words describe, drawn into every view by its geometry."""
