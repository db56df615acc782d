"""Fill what is left open where a thing is taken out of a scene of splats."""
