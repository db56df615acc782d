"""One view of a scene of Gaussians: the canvas that stands in for its lens, its picture, its depth, what shows."""
