"""What the kernels are compiled to: one version each, in single precision, kept for later processes."""

from __future__ import annotations

import re

import pytest
import torch
from numba import njit

from nerf_methods.voxel.kernels import march, step, weights
from nerf_methods.voxel.optimizer import VoxelAdamConfig
from nerf_methods.voxel.warmup import warm_up

KERNELS = {
    name: getattr(module, name)
    for module, names in (
        (march, ("march", "march_backward", "sum_chunks", "update_occupancy")),
        (step, ("add_smoothness_gradient", "sparse_adam")),
        (weights, ("count_samples", "weigh")),
    )
    for name in names
}


def test_all_calls_use_one_compiled_version(voxels):
    """Also after arrays of other layouts, sizes and flags, in training and rendering."""
    warm_up()
    for contracted in (True, False):
        field = voxels.field(contracted=contracted)
        origins, directions, jitter = voxels.rays(64)
        field.render(origins[:1].expand(64, 3), directions.T.contiguous().T, jitter)[0].mean().backward()
        rgb, accumulation, _ = field.render(origins[::2], directions[::2], jitter[::2], explore_every=16)
        rgb[:, 0].sum().backward(retain_graph=True)
        accumulation.sum().backward()
        VoxelAdamConfig().setup(params=[field.grid]).step()
        field.update_occupancy(0.02)
        field.resize(24)
        with torch.inference_mode():
            field.render(origins[:1], directions[:1])
    for name, kernel in KERNELS.items():
        assert len(kernel.signatures) == 1, name


@pytest.mark.parametrize("name", KERNELS)
def test_arithmetic_is_in_single_precision(name):
    warm_up()
    kernel = KERNELS[name]
    (signature,) = kernel.signatures
    assert "float64" not in str(signature)
    # the loops of a parallel kernel are compiled apart from it: look at the same source compiled serially
    serial = njit(error_model="numpy", fastmath=march.FAST)(kernel.py_func)
    serial.compile(signature)
    (code,) = serial.inspect_llvm().values()
    # PyFloat_AsDouble unpacks arguments, and is no part of the loops
    wide = re.findall(
        r"^.*= (?:f(?:add|sub|mul|div|neg|cmp|pext) .*double|call .*double @(?!PyFloat_AsDouble).*)$",
        code,
        re.MULTILINE,
    )
    assert not wide, wide[:5]
    if name != "update_occupancy":  # which only compares
        assert re.search(r"= f(?:add|mul|div) .*float", code)
