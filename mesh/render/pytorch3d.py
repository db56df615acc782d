"""Check whether PyTorch3D, the rasterizer of meshes on CUDA (extra `pytorch3d`), can be used."""

from __future__ import annotations

from functools import cache

from editor3d.errors import DeviceError, first_line

INSTALL = "pip install 'editor3d[pytorch3d]'"


@cache
def missing() -> str:
    """Why it cannot be used, after "PyTorch3D is": not installed, or built for another torch. Empty where it can."""
    try:
        import pytorch3d
        import pytorch3d.renderer  # noqa: F401 (loads its compiled part)
    except ModuleNotFoundError as error:
        return "not installed" if error.name == "pytorch3d" else f"not complete ({first_line(error)})"
    except (ImportError, OSError) as error:
        return f"not built for this torch ({first_line(error)})"
    return ""


def require() -> None:
    """
    Raises:
        DeviceError: PyTorch3D cannot be used.
    """
    if missing():
        raise DeviceError(f"Expected PyTorch3D, which is {missing()}: run `{INSTALL}`.")
