"""Which format the name of a file says it is of."""

from __future__ import annotations

from pathlib import Path

COMPRESSED_PLY = ".compressed.ply"
USD = (".usd", ".usda", ".usdc", ".usdz")


def suffix_of(path: Path) -> str:
    """The suffix in small letters; both of those of `scene.compressed.ply`, a format of its own."""
    return COMPRESSED_PLY if path.name.lower().endswith(COMPRESSED_PLY) else path.suffix.lower()
