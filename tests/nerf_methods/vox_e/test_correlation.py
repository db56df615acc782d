"""L_reg3D is one minus numpy's correlation, and its gradient is that of its formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nerf_methods.vox_e.correlation import DensityReference, correlation_loss
from nerf_methods.voxel.field import VoxelField
from nerf_methods.voxel.reference import activate


def field_of(seed: int, activation: str, scale: float = 3.0) -> VoxelField:
    field = VoxelField(9, activation=activation)
    with torch.no_grad():
        field.grid.copy_(scale * torch.randn(field.grid.shape, generator=torch.Generator().manual_seed(seed)))
    return field


def densities(field: VoxelField) -> np.ndarray:
    with torch.no_grad():
        return activate(field.grid[..., 0].double() + field.shift, field.relu).numpy().ravel()


@pytest.mark.parametrize("activation", ["relu", "softplus"])
@pytest.mark.parametrize("scale", [0.1, 3.0, 200.0])
def test_it_is_numpy_s_correlation(activation, scale):
    source, edited = field_of(0, activation), field_of(1, activation, scale)
    expected = 1.0 - np.corrcoef(densities(source), densities(edited))[0, 1]
    assert float(DensityReference(source).loss(edited)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("activation", ["relu", "softplus"])
def test_its_gradient_is_that_of_the_formula(activation):
    source, edited = field_of(0, activation), field_of(1, activation)
    (found,) = torch.autograd.grad(200.0 * DensityReference(source).loss(edited), edited.grid)
    raw = edited.grid.detach().double().requires_grad_()
    density = activate(raw[..., 0] + edited.shift, edited.relu)
    other = activate(source.grid.detach()[..., 0].double() + source.shift, source.relu)
    (expected,) = torch.autograd.grad(200.0 * correlation_loss(density, other), raw)
    assert expected.abs().max() > 1e-3
    assert torch.allclose(found.double(), expected, atol=1e-5 * float(expected.abs().max()))
    assert not found[..., 1:].any()


def test_the_formula_passes_gradcheck():
    one, other = (torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(s)) for s in (0, 1))
    assert torch.autograd.gradcheck(lambda a: correlation_loss(a, other), (one.requires_grad_(),))


@pytest.mark.parametrize("activation", ["relu", "softplus"])
def test_a_scene_like_its_source_costs_nothing_and_is_left_alone(activation):
    source = field_of(0, activation)
    loss = DensityReference(source).loss(source)
    (gradient,) = torch.autograd.grad(200.0 * loss, source.grid)
    assert abs(float(loss)) < 1e-6
    # well below the eps of the optimiser (1e-8), so that no voxel moves by rounding
    assert float(gradient.abs().max()) < 1e-9


def test_in_a_relu_field_empty_space_gets_no_gradient():
    source, edited = field_of(0, "relu"), field_of(1, "relu")
    (gradient,) = torch.autograd.grad(DensityReference(source).loss(edited), edited.grid)
    empty = edited.grid[..., 0] + edited.shift <= 0
    assert not gradient[empty].any()
    assert gradient[~empty][:, 0].any()


def test_an_upstream_gradient_scales_it():
    source, edited = field_of(0, "relu"), field_of(1, "relu")
    reference = DensityReference(source)
    (one,) = torch.autograd.grad(reference.loss(edited), edited.grid)
    (three,) = torch.autograd.grad(-3.0 * reference.loss(edited), edited.grid)
    assert torch.allclose(three, -3.0 * one, rtol=1e-6, atol=0.0)
