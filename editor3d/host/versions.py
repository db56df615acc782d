"""Versions of installed packages, read without importing them."""

from __future__ import annotations

VERSIONED_PACKAGES = ("editor3d", "torch", "nerfstudio", "numpy", "numba", "diffusers", "transformers")
"""Those that shape a result."""


def package_version(name: str = "editor3d") -> str:
    """The version of an installed package; empty if it is not installed."""
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def package_versions() -> dict[str, str]:
    """The versions of Python and of the packages that shape a result."""
    import platform

    found = {name: package_version(name) for name in VERSIONED_PACKAGES}
    return {"python": platform.python_version(), **{name: version for name, version in found.items() if version}}
