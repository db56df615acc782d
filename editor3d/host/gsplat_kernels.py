"""Check whether gsplat's CUDA kernels are compiled, and say how to compile them: its package has only their source."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

NAME = "gsplat_cuda"
"""What gsplat calls the library that it compiles."""


def remedy(cuda: str | None) -> str:
    """What to do where the kernels are missing.

    Args:
        cuda: the version that torch was built with.
    """
    version = f" {cuda}" if cuda else ""
    return (
        f"install the CUDA toolkit{version} and ninja, with nvcc on the PATH, and gsplat compiles them at first use; "
        f"or set CUDA_VISIBLE_DEVICES= (to nothing), and splats use the CPU"
    )


def compiled_kernels(cuda: str | None) -> Path | None:
    """The kernels that came with gsplat or that it has compiled before; None where there are none.

    Only files are looked at: importing gsplat's own test of this compiles them, which takes minutes.

    Args:
        cuda: the version that torch was built with, by which compiled libraries are kept apart.
    """
    spec = importlib.util.find_spec("gsplat")
    for package in [] if spec is None else map(Path, spec.submodule_search_locations or ()):
        for suffix in ("so", "pyd"):
            if found := sorted(package.glob(f"csrc*.{suffix}")):
                return found[0]
    libraries = (_build_folder(cuda) / f"{NAME}.{suffix}" for suffix in ("so", "lib"))
    return next((path for path in libraries if path.is_file()), None)


def compiler() -> str | None:
    """The CUDA compiler that gsplat would use."""
    return shutil.which("nvcc")


def _build_folder(cuda: str | None) -> Path:
    """Where torch keeps what it has compiled; its own function for this makes the folder."""
    root = os.environ.get("TORCH_EXTENSIONS_DIR")
    if root is not None:
        return Path(root) / NAME
    from torch.utils.cpp_extension import get_default_build_root

    accelerator = f"cu{cuda.replace('.', '')}" if cuda else "cpu"
    python = f"py{sys.version_info.major}{sys.version_info.minor}{sys.abiflags}"
    return Path(get_default_build_root()) / f"{python}_{accelerator}" / NAME
