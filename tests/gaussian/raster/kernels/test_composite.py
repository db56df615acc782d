"""Compositing is vectorised, and gives the same bits on any number of threads."""

from __future__ import annotations

import hashlib
import platform
import re

import numba
import pytest
import torch
from numba import njit

from gaussian.raster.kernels import PARALLEL, composite
from gaussian.raster.rasterize import rasterization

PACKED = {"x86_64": r"\bv?(?:mul|add|sub|fn?m(?:add|sub)\d*)ps\b", "aarch64": r"\b(?:fmul|fadd|fsub|fmla|fmls)\.4s\b"}
SCALAR = {"x86_64": r"\bv?(?:mul|add|sub|fn?m(?:add|sub)\d*)ss\b", "aarch64": r"\bf(?:mul|add|sub|n?madd)\s+s\d"}
MACHINE = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())


@pytest.mark.parametrize(("name", "least"), [("composite", 18), ("composite_backward", 35)])
def test_loops_over_pixels_are_vectorised(scene_of, name, least):
    scene = scene_of().leaves()
    rasterization(*scene.arguments)[0].sum().backward()
    kernel = getattr(composite, name)
    (signature,) = kernel.signatures[:1]
    # compiled anew: a kernel that came from the cache cannot be looked into
    options = {key: value for key, value in PARALLEL.items() if key not in ("cache", "parallel")}
    fresh = njit(**options)(kernel.py_func)
    fresh.compile(signature)
    ir, asm = fresh.inspect_llvm(signature), fresh.inspect_asm(signature)
    arithmetic = re.findall(r"= (?:fmul|fadd|fsub|fdiv|.*call .*@llvm\.fmuladd)[^\n]*", ir)
    wide = sum("<16 x float>" in line for line in arithmetic)
    assert wide >= least
    assert not re.search(r"call [^\n]*@(?:llvm\.exp|expf|exp)\b", ir)
    if MACHINE in PACKED:
        packed, scalar = (len(re.findall(kind[MACHINE], asm)) for kind in (PACKED, SCALAR))
        assert packed >= least
        assert scalar < 3 * packed  # once a Gaussian or pixel; in place of every packed one it would be sixteen


def fingerprint(scene_of) -> str:
    """Of a picture of many Gaussians and all its gradients, bit by bit."""
    scene = scene_of(6000, width=203, height=181, cameras=2, sh_degree=2, seed=3).leaves()
    backgrounds = torch.rand(2, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    picture, accumulation, meta = rasterization(
        *scene.arguments, sh_degree=2, backgrounds=backgrounds, absgrad=True, render_mode="RGB+ED"
    )
    (picture.square().sum() + accumulation.sum()).backward()
    parts = [picture, accumulation, meta["means2d"].absgrad, meta["flatten_ids"], backgrounds.grad]
    parts += [gradient for _, gradient in sorted(scene.gradients().items())]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


def test_the_same_bits_on_every_call_and_any_number_of_threads(scene_of):
    here = fingerprint(scene_of)
    assert fingerprint(scene_of) == here
    before = numba.get_num_threads(), torch.get_num_threads()
    try:
        for threads in range(1, numba.config.NUMBA_NUM_THREADS + 1):
            numba.set_num_threads(threads)
            torch.set_num_threads(threads)
            assert fingerprint(scene_of) == here, threads
    finally:
        numba.set_num_threads(before[0])
        torch.set_num_threads(before[1])
