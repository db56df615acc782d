"""OpenUSD's ParticleField3DGaussianSplat, by the extra `usd`."""

from gaussian.files.usd.stage import read, write

__all__ = ["read", "write"]
