"""Splats on CUDA without gsplat's compiled kernels are refused in one sentence."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from editor3d.host.gsplat_kernels import compiled_kernels

WITHOUT = """
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from editor3d.errors import DeviceError
from gaussian.raster.rasterize import rasterization

with FakeTensorMode():  # tensors on CUDA that need no device
    t = lambda *shape: torch.empty(shape, device="cuda")
    scene = t(5, 3), t(5, 4), t(5, 3), t(5), t(5, 3), t(1, 4, 4), t(1, 3, 3)
    try:
        rasterization(*scene, 32, 32)
    except DeviceError as error:
        print("told:", error)
"""


@pytest.mark.skipif(compiled_kernels(torch.version.cuda) is not None, reason="gsplat's kernels are compiled here")
@pytest.mark.parametrize("compiler", ["none", "broken"])
def test_missing_kernels_are_told_in_a_sentence(tmp_path, compiler):
    if compiler == "broken":
        (tmp_path / "nvcc").write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / "nvcc").chmod(0o755)
    environment = {"PATH": str(tmp_path), "TORCH_EXTENSIONS_DIR": str(tmp_path / "built"), "HOME": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT], env=environment, capture_output=True, text=True, timeout=600
    )
    assert result.returncode == 0, result.stderr
    (told,) = [line for line in result.stdout.splitlines() if line.startswith("told: ")]
    assert told.startswith("told: Expected gsplat's compiled kernels")
    assert "nvcc" in told
    assert "CUDA_VISIBLE_DEVICES=" in told
    assert told.endswith(".")
