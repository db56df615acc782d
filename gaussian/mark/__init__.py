"""A watermark in the colours of a scene of Gaussians, read from pictures of it by whoever has the unmarked scene."""
