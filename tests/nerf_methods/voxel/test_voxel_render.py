"""The compiled renderer against the float64 reference, and against what light does."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from nerf_methods.voxel import reference

AXES = torch.cat([torch.eye(3), -torch.eye(3)])


def check_render(voxels, field, origins, directions, jitter, stop=1e-3):
    with torch.no_grad():
        rgb, accumulation, depth = field.render(origins, directions, jitter, stop=stop)
    true_rgb, true_accumulation, true_depth = voxels.oracle(field, origins, directions, jitter, stop=stop)
    assert float((rgb - true_rgb).abs().max()) <= 1e-4
    assert float((accumulation - true_accumulation).abs().max()) <= 1e-4
    # depth is the distance of one sample: where transmittance passes 1/2 within rounding, the next one is as good
    close = (depth - true_depth).abs() <= 1e-4 * true_depth.clamp(min=1.0)
    assert float(close.float().mean()) >= 0.98


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 1000),
    resolution=st.integers(3, 24),
    contracted=st.booleans(),
    core_radius=st.sampled_from([0.3, 0.5, 1.0]),
    reach=st.sampled_from([0.2, 1.0, 3.0]),
    steps_per_voxel=st.sampled_from([0.7, 1.0, 2.3]),
    stop=st.sampled_from([0.0, 1e-3, 0.1]),
    activation=st.sampled_from(["softplus", "relu"]),
)
def test_kernel_equals_reference(
    voxels, seed, resolution, contracted, core_radius, reach, steps_per_voxel, stop, activation
):
    field = voxels.field(
        resolution,
        contracted=contracted,
        seed=seed,
        core_radius=core_radius,
        steps_per_voxel=steps_per_voxel,
        activation=activation,
    )
    check_render(voxels, field, *voxels.rays(100, seed=seed, reach=reach), stop=stop)


@pytest.mark.parametrize("contracted", [True, False])
def test_axis_parallel_rays_equal_reference(voxels, contracted):
    field = voxels.field(contracted=contracted)
    origins, _, jitter = voxels.rays(60, reach=0.9)
    check_render(voxels, field, origins, AXES.repeat(10, 1), jitter)


def test_rays_that_miss_a_bounded_lattice_see_the_background(voxels):
    field = voxels.field(contracted=False)
    origins = torch.tensor([[2.0, 0.0, 0.0], [0.0, 2.0, 0.1], [0.7, 0.7, 2.0], [0.0, 0.0, 0.7]])
    directions = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.6, 0.8, 0.0]])
    rgb, accumulation, depth = field.render(origins, directions)
    assert torch.equal(rgb, field.background.expand(4, 3))
    assert torch.equal(accumulation, torch.zeros(4))
    assert torch.allclose(depth, torch.full((4,), field.near))
    check_render(voxels, field, origins, directions, torch.full((4,), 0.5))


@pytest.mark.parametrize("contracted", [True, False])
def test_no_ray_outgrows_its_records(voxels, contracted):
    """With a gradient the kernel keeps a bounded number of samples a ray; the render must be that without one."""
    field = voxels.field(30, contracted=contracted, steps_per_voxel=2.0)
    with torch.no_grad():
        field.grid[..., 0] = voxels.raw_density(field, 1e-3)
    origins, directions, jitter = voxels.rays(2000, reach=1.2)
    kept = field.render(origins, directions, jitter)
    with torch.no_grad():
        free = field.render(origins, directions, jitter)
    assert all(torch.equal(a, b) for a, b in zip(kept, free, strict=True))


@pytest.mark.parametrize("activation", ["softplus", "relu"])
@pytest.mark.parametrize("contracted", [True, False])
def test_gradient_equals_float64_autograd(voxels, contracted, activation):
    field = voxels.field(12, contracted=contracted, activation=activation)
    origins, directions, jitter = voxels.rays(300, reach=0.8)
    weights = torch.randn(300, 4, generator=torch.Generator().manual_seed(1))

    def loss(rgb, accumulation):
        return (rgb * weights[:, :3]).sum() + (accumulation * weights[:, 3]).sum()

    (gradient,) = torch.autograd.grad(loss(*field.render(origins, directions, jitter)[:2]), field.grid)
    grid = field.grid.detach().double().requires_grad_()
    rgb, accumulation, _ = voxels.oracle(field, origins, directions, jitter, grid=grid)
    (truth,) = torch.autograd.grad(loss(rgb, accumulation), grid)
    for channel in range(4):
        error = (gradient - truth)[..., channel]
        assert float(error.norm()) <= 1e-4 * float(truth[..., channel].norm())
        assert float(error.abs().max()) <= 1e-3 * float(truth[..., channel].abs().max())


def test_gradient_behind_an_opaque_sample_is_finite_and_right(voxels):
    """1 - alpha underflows in float32 there; the gradient must not divide by it."""
    field = voxels.field(8, contracted=False)
    with torch.no_grad():
        field.grid[..., 0] = torch.linspace(-6.0, 300.0, 8)[:, None, None]
    origins, directions, jitter = voxels.rays(50, reach=0.4)
    (gradient,) = torch.autograd.grad(field.render(origins, directions, jitter)[0].sum(), field.grid)
    grid = field.grid.detach().double().requires_grad_()
    (truth,) = torch.autograd.grad(voxels.oracle(field, origins, directions, jitter, grid=grid)[0].sum(), grid)
    assert float((gradient - truth).abs().max()) <= 1e-4 * float(truth.abs().max())


@pytest.mark.parametrize("activation", ["softplus", "relu"])
@pytest.mark.parametrize("contracted", [True, False])
def test_reference_passes_gradcheck(voxels, contracted, activation):
    field = voxels.field(3, contracted=contracted, steps_per_voxel=2.0, activation=activation)
    rays = voxels.rays(4, reach=0.5)

    def render(grid):
        return voxels.oracle(field, *rays, grid=grid, stop=0.0)[:2]

    assert torch.autograd.gradcheck(render, (field.grid.detach().double().requires_grad_(),), fast_mode=contracted)


def chord(origins, directions, half_side, near):
    """Length of rays inside the cube of this half side, from `near` on."""
    a, b = (-half_side - origins) / directions, (half_side - origins) / directions
    start = torch.minimum(a, b).amax(-1).clamp(min=near)
    return (torch.maximum(a, b).amin(-1) - start).clamp(min=0.0)


@pytest.mark.parametrize("activation", ["softplus", "relu"])
@pytest.mark.parametrize("core_radius", [0.5, 0.8])
@pytest.mark.parametrize("density", [0.2, 1.5, 6.0])
def test_constant_density_follows_beer_and_lambert(voxels, core_radius, density, activation):
    field = voxels.field(48, contracted=False, core_radius=core_radius, activation=activation)
    with torch.no_grad():
        field.grid[..., 0] = voxels.raw_density(field, density)
    origins, directions, jitter = voxels.rays(200, reach=1.5 * core_radius)
    with torch.no_grad():
        _, accumulation, depth = field.render(origins, directions, jitter, stop=0.0)
    length = chord(origins, directions, core_radius, field.near)
    step = field.step * core_radius  # sampling rounds the length to whole steps
    assert float((accumulation - (1.0 - torch.exp(-density * length))).abs().max()) <= density * step * 1.01
    # a whole number of steps along an axis leaves nothing to round
    axis_origins = -2.0 * core_radius * AXES + 0.1 * core_radius
    axis_origins -= (axis_origins * AXES).sum(-1, keepdim=True) * AXES + 2.0 * core_radius * AXES
    with torch.no_grad():
        _, accumulation, depth = field.render(axis_origins, AXES, stop=0.0)
    expected = 1.0 - math.exp(-density * 2.0 * core_radius)
    assert torch.allclose(accumulation, torch.full((6,), expected), atol=2e-5)
    median = math.log(2.0) / density
    if median < 2.0 * core_radius:
        assert float((depth - core_radius - median).abs().max()) <= step


@pytest.mark.parametrize("contracted", [True, False])
def test_weights_and_transmittance_add_up_to_one(voxels, contracted):
    field = voxels.field(contracted=contracted)
    rays = voxels.rays(200, reach=1.5)
    with torch.no_grad():
        field.grid[..., 1:] = torch.logit(field.background)
        rgb, _, _ = field.render(*rays)
        assert torch.allclose(rgb, field.background.expand_as(rgb), atol=1e-5)
        field.grid[..., 1:] = 40.0
        field.background.zero_()
        rgb, accumulation, _ = field.render(*rays)
        assert torch.allclose(rgb, accumulation[:, None].expand_as(rgb), atol=1e-5)


def test_depth_is_the_median_distance(voxels):
    """An opaque wall at x = 0.2 behind thin fog."""
    field = voxels.field(65, contracted=True, core_radius=0.5)
    x = torch.linspace(-2.0, 2.0, 65) * field.core_radius
    with torch.no_grad():
        field.grid[..., 0] = torch.where(x >= 0.2, 60.0, voxels.raw_density(field, 0.05))[:, None, None]
    directions = F.normalize(torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.4, 0.2], [1.0, -0.3, 0.5]]), dim=-1)
    _, _, depth = field.render(torch.full((3, 3), -0.3), directions)
    cell = 2.0 * field.step * field.core_radius
    assert float((depth - 0.5 / directions[:, 0]).abs().max()) <= cell


@pytest.mark.parametrize("activation", ["softplus", "relu"])
@pytest.mark.parametrize("contracted", [True, False])
def test_density_and_color_are_what_is_rendered(voxels, contracted, activation):
    field = voxels.field(24, contracted=contracted, core_radius=0.7, activation=activation)
    origins, directions, jitter = voxels.rays(100, reach=0.7)
    length = chord(origins, directions, field.core_radius, field.near)
    step = field.step * field.core_radius
    with torch.no_grad():
        if contracted:  # nothing beyond the core, where steps differ from scene units
            beyond = torch.linspace(-2.0, 2.0, 24).abs() > 0.9
            field.grid[beyond, :, :, 0] = field.grid[:, beyond, :, 0] = field.grid[:, :, beyond, 0] = -50.0
        rgb, accumulation, _ = field.render(origins, directions, jitter, stop=0.0)
    t = field.near + (jitter[:, None] + torch.arange(int(2.0 * math.sqrt(3.0) * field.core_radius / step) + 1)) * step
    density, color = field.density_and_color(origins[:, None] + t[..., None] * directions[:, None])
    optical_depth = torch.where((t < field.near + length[:, None])[..., None], density * step, 0.0)
    after = torch.exp(-optical_depth.cumsum(1))
    weights = torch.cat([torch.ones_like(after[:, :1]), after[:, :-1]], 1) - after
    assert torch.allclose(rgb, (weights * color).sum(1) + after[:, -1] * field.background, atol=1e-4)
    assert torch.allclose(accumulation, 1.0 - after[:, -1, 0], atol=1e-4)


def test_a_bounded_scene_is_empty_beyond_its_lattice(voxels):
    field = voxels.field(contracted=False, core_radius=0.5)
    points = torch.tensor([[0.51, 0.0, 0.0], [0.49, 0.0, 0.0]])
    density, _ = field.density_and_color(points)
    assert density[0] == 0.0
    assert density[1] > 0.0


def test_contraction_is_its_own_speed():
    """`contracted_speed` is the length of the derivative of `contract` along the ray."""
    points = torch.randn(200, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2.0
    directions = F.normalize(
        torch.randn(200, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)), dim=-1
    )
    _, velocity = torch.func.jvp(reference.contract, (points,), (directions,))
    speed = reference.contracted_speed(points, directions)[:, 0]
    assert torch.allclose(speed, velocity.norm(dim=-1), rtol=1e-9)
    assert float(reference.contract(points * 1e6).abs().max()) <= 2.0


def test_hundreds_of_steps_do_not_shift_samples_against_a_hard_surface(voxels):
    """A step's rounding errors, added up, would move the last samples by so much that gradients are off by percents."""
    resolution = 128
    field = voxels.field(resolution, contracted=False, activation="relu", core_radius=1.0)
    axis = torch.linspace(-1.0, 1.0, resolution)
    x, y, z = torch.meshgrid(axis, axis, axis, indexing="ij")
    with torch.no_grad():
        field.grid[..., 0] = (4000.0 * (x + 0.1 * y - 0.6)).clamp(-20.0, 100.0) - field.shift
    rays = 64
    origins = torch.tensor([-0.99, 0.0, 0.0]) + 0.2 * torch.linspace(-1.0, 1.0, rays)[:, None] * torch.tensor(
        [0.0, 1, 1]
    )
    directions = F.normalize(torch.tensor([1.0, 0.05, -0.02]).expand(rays, 3), dim=-1).contiguous()
    jitter = torch.full((rays,), 0.5)
    wanted = field.grid.detach().double().requires_grad_()
    voxels.oracle(field, origins, directions, jitter, grid=wanted, stop=0.0)[0][:, 0].sum().backward()
    field.render(origins, directions, jitter, stop=0.0)[0][:, 0].sum().backward()
    error = (field.grid.grad - wanted.grad).abs().amax((0, 1, 2)) / wanted.grad.abs().amax((0, 1, 2)).clamp_min(1e-30)
    assert float(error[:2].max()) < 1e-4
