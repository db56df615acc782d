"""The voxel field on CUDA: the torch renderer and optimiser there do what the compiled kernels do on the CPU."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor

from nerf_methods.voxel.field import VoxelField
from nerf_methods.voxel.optimizer import VoxelAdam

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
DEVICE = "cuda"
RAYS = 512


def smooth_field(contracted: bool) -> VoxelField:
    """A field of soft blobs: a sample more or less at the end of a ray changes nothing that can be seen."""
    generator = torch.Generator().manual_seed(0)
    field = VoxelField(24, contracted=contracted)
    with torch.no_grad():
        field.grid.copy_(torch.randn(field.grid.shape, generator=generator))
        field.grid[..., 0].mul_(3.0).add_(2.0)
    return field


def rays(seed: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """Origins and unit directions [N, 3] towards the middle, and jitter [N]."""
    generator = torch.Generator().manual_seed(seed)
    origins = torch.nn.functional.normalize(torch.randn(RAYS, 3, generator=generator), dim=-1) * 0.9
    targets = torch.rand(RAYS, 3, generator=generator) * 0.6 - 0.3
    directions = torch.nn.functional.normalize(targets - origins, dim=-1)
    return origins, directions, torch.rand(RAYS, generator=generator)


def render_with_gradient(field: VoxelField, device: str) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    field = deepcopy(field).to(device)
    field.background.requires_grad_()
    rgb, accumulation, depth = field.render(*(part.to(device) for part in rays()))
    weights = torch.randn(RAYS, 3, generator=torch.Generator().manual_seed(2)).to(device)
    ((rgb * weights).sum() + accumulation.square().sum()).backward()
    gradients = field.grid.grad.cpu(), field.background.grad.cpu()
    return rgb.detach().cpu(), accumulation.detach().cpu(), depth.cpu(), *gradients


@pytest.mark.parametrize("contracted", [True, False])
def test_renders_and_gradients_equal_the_compiled_kernels(contracted):
    field = smooth_field(contracted)
    rgb, accumulation, depth, gradient, behind = render_with_gradient(field, "cpu")
    rgb_cuda, accumulation_cuda, depth_cuda, gradient_cuda, behind_cuda = render_with_gradient(field, DEVICE)
    assert 0.5 < accumulation.mean() < 0.98  # neither empty nor a wall
    torch.testing.assert_close(rgb_cuda, rgb, atol=1e-4, rtol=0)
    torch.testing.assert_close(accumulation_cuda, accumulation, atol=1e-4, rtol=0)
    assert (gradient_cuda - gradient).norm() <= 1e-3 * gradient.norm()
    assert (behind_cuda - behind).norm() <= 1e-3 * behind.norm()
    # where transmittance meets 1/2 between two samples, rounding may choose the other
    assert ((depth_cuda - depth).abs() < 1e-4).float().mean() > 0.99


def test_adam_equals_the_compiled_kernels():
    generator = torch.Generator().manual_seed(3)
    start = torch.randn(12, 12, 12, 4, generator=generator)
    parameters = {device: torch.nn.Parameter(start.clone().to(device)) for device in ("cpu", DEVICE)}
    optimizers = {
        device: VoxelAdam([p], lr=0.05, density_lr_scale=4.0, density_smoothness=1e-2, color_smoothness=3e-3)
        for device, p in parameters.items()
    }
    for _ in range(6):
        seen = torch.rand(12, 12, 12, 1, generator=generator) < 0.4
        gradient = torch.randn(start.shape, generator=generator) * seen
        for device, p in parameters.items():
            p.grad = gradient.clone().to(device)
            optimizers[device].step()
    moved = parameters[DEVICE].detach().cpu()
    assert (moved - start).abs().max() > 0.1
    torch.testing.assert_close(moved, parameters["cpu"].detach(), atol=1e-5, rtol=1e-5)


def test_resizing_equals_the_cpu():
    field = smooth_field(contracted=True)
    on_device = deepcopy(field).to(DEVICE)
    field.resize(33)
    on_device.resize(33)
    assert on_device.grid.device.type == on_device.occupancy.device.type == torch.device(DEVICE).type
    torch.testing.assert_close(on_device.grid.detach().cpu(), field.grid.detach(), atol=1e-5, rtol=0)
