"""PlayCanvas's .sog, version 2."""

from gaussian.files.sog.reader import read
from gaussian.files.sog.writer import write

__all__ = ["read", "write"]
