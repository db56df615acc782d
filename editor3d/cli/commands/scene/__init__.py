"""Commands that change a scene of splats by numbers: no instruction for a 2D editor, no training."""
