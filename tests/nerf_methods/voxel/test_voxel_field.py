"""What the field promises around its kernels: buffers, determinism, occupancy, and changes of resolution."""

from __future__ import annotations

import numba
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nerf_methods.voxel import marching, reference
from nerf_methods.voxel.field import VoxelField
from nerf_methods.voxel.kernels import march
from nerf_methods.voxel.optimizer import VoxelAdam


def gradient(field: VoxelField, rays, **options) -> torch.Tensor:
    rgb, accumulation, _ = field.render(*rays, **options)
    return torch.autograd.grad(rgb.square().sum() + accumulation.sum(), field.grid)[0].clone()


# Renders that overlap in time


def test_gradients_of_two_renders_in_one_step_add_up(voxels):
    field, first, second = voxels.field(), voxels.rays(100, seed=1), voxels.rays(300, seed=2)
    expected = gradient(field, first) + gradient(field, second)
    a, b = field.render(*first), field.render(*second)
    (a[0].square().sum() + a[1].sum() + b[0].square().sum() + b[1].sum()).backward()
    assert torch.allclose(field.grid.grad, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_renders_kept_alive_do_not_disturb_each_other(voxels, order):
    field = voxels.field()
    rays = [voxels.rays(n, seed=n) for n in (50, 200, 120)]
    expected = [gradient(field, r) for r in rays]
    outputs = [field.render(*r) for r in rays]
    seen = [[value.detach().clone() for value in output] for output in outputs]
    found = {}
    for i in order:
        rgb, accumulation, _ = outputs[i]
        found[i] = torch.autograd.grad(rgb.square().sum() + accumulation.sum(), field.grid)[0]
        field.render(*voxels.rays(80, seed=7))[0].sum().backward()  # takes whatever buffer is free
    for i in range(3):
        assert torch.equal(found[i], expected[i])
        assert all(torch.equal(now, then) for now, then in zip(outputs[i], seen[i], strict=True))


def test_backward_twice_through_one_render(voxels):
    field = voxels.field()
    rgb, _, _ = field.render(*voxels.rays(100))
    loss = rgb.square().sum()
    first = torch.autograd.grad(loss, field.grid, retain_graph=True)[0].clone()
    gradient(field, voxels.rays(100, seed=3))
    assert torch.equal(torch.autograd.grad(loss, field.grid)[0], first)


def test_changing_an_output_in_place_leaves_the_gradient_right(voxels):
    field, rays = voxels.field(), voxels.rays(100)
    expected = gradient(field, rays)
    rgb, accumulation, _ = field.render(*rays)
    loss = rgb.square().sum() + accumulation.sum()
    accumulation.detach().zero_()
    assert torch.equal(torch.autograd.grad(loss, field.grid)[0], expected)


def test_scratch_memory_is_reused(voxels):
    field, rays = voxels.field(), voxels.rays(100)
    gradient(field, rays)
    held = len(marching.buffers._arrays)
    for _ in range(5):
        gradient(field, rays)
    assert len(marching.buffers._arrays) == held


# Threads


@pytest.mark.parametrize("threads", [1, min(2, numba.config.NUMBA_NUM_THREADS)])
def test_same_bits_with_the_same_number_of_threads(voxels, threads):
    field, rays = voxels.field(), voxels.rays(500)
    numba.set_num_threads(threads)
    try:
        first, again = gradient(field, rays), gradient(field, rays)
    finally:
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    assert torch.equal(first, again)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="needs two threads")
def test_number_of_threads_changes_rounding_only(voxels):
    field, rays = voxels.field(), voxels.rays(500)
    two = gradient(field, rays)
    numba.set_num_threads(1)
    try:
        one = gradient(field, rays)
    finally:
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    assert float((one - two).norm()) <= 1e-5 * float(two.norm())


# Occupancy


def sparse_field(voxels, **options) -> VoxelField:
    """Some dense blobs in a field that is empty otherwise."""
    field = voxels.field(33, **options)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        dense = torch.rand(33, 33, 33, generator=generator) < 0.01
        field.grid[..., 0] = torch.where(dense, 3.0, -60.0)
    return field


@pytest.mark.parametrize("contracted", [True, False])
def test_skipping_empty_blocks_changes_nothing(voxels, contracted):
    field, rays = sparse_field(voxels, contracted=contracted), voxels.rays(500, reach=1.2)
    full, full_gradient = field.render(*rays), gradient(field, rays)
    field.update_occupancy(1e-7)
    assert 0.0 < float(field.occupancy.float().mean()) < 0.9
    for found, expected in zip(field.render(*rays), full, strict=True):
        assert torch.allclose(found, expected, atol=1e-5, rtol=1e-5)
    assert torch.allclose(gradient(field, rays), full_gradient, atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    resolution=st.integers(3, 21),
    min_alpha=st.sampled_from([1e-4, 2e-2, 0.5]),
    contracted=st.booleans(),
)
def test_no_dense_place_is_ever_marked_empty(voxels, seed, resolution, min_alpha, contracted):
    field = voxels.field(resolution, contracted=contracted)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        field.grid[..., 0] = -20.0
        x, y, z = torch.randint(resolution, (3, 4), generator=generator)
        field.grid[x, y, z, 0] = 30.0 * torch.rand(4, generator=generator)
    field.update_occupancy(min_alpha)
    position = torch.rand(2000, 3, generator=generator) * (resolution - 1)
    near_spikes = torch.stack([x, y, z], -1)[torch.randint(4, (2000,), generator=generator)]
    near_spikes = near_spikes + 2.0 * torch.rand(2000, 3, generator=generator) - 1.0
    position = torch.cat([position, near_spikes]).clamp(0.0, resolution - 1.0)
    contracted_points = (position / (resolution - 1) * 2.0 - 1.0) * field.bound
    raw = reference.interpolate(field.grid.detach(), contracted_points, field.bound)[:, 0]
    alpha = 1.0 - torch.exp(-torch.nn.functional.softplus(raw + field.shift) * field.step)
    cell = position.long().clamp(max=resolution - 2)
    occupied = field.occupancy[tuple((cell // march.OCCUPANCY_BLOCK).T)]
    assert bool((occupied[alpha > min_alpha * 1.001] == 1).all())


def test_an_empty_field_is_marked_empty(voxels):
    field = voxels.field(21)
    with torch.no_grad():
        field.grid[..., 0] = voxels.raw_density(field, 1e-3)
    field.update_occupancy(1e-2)
    assert int(field.occupancy.sum()) == 0


def test_exploring_rays_ignore_the_occupancy(voxels):
    field, rays = voxels.field(), voxels.rays(40)
    with torch.no_grad():
        full = field.render(*rays)[0]
        field.occupancy.zero_()
        rgb, accumulation, _ = field.render(*rays, explore_every=4)
    exploring = torch.arange(40) % 4 == 0
    assert torch.equal(rgb[exploring], full[exploring])
    assert torch.equal(accumulation[~exploring], torch.zeros(30))
    assert bool(gradient(field, rays, explore_every=4).any())
    assert not bool(gradient(field, rays).any())


# Resolution


def linear(resolution: int) -> torch.Tensor:
    """[R, R, R, 4]: a different linear function of position in each channel."""
    line = torch.linspace(-1.0, 1.0, resolution)
    x, y, z = torch.meshgrid(line, line, line, indexing="ij")
    return torch.stack([x + 2 * y, z - x, 3 * y + z + 1, 0.5 * x - y + z], -1)


@pytest.mark.parametrize("to", [9, 17, 30])
def test_resize_keeps_constants_and_linear_functions(to):
    field = VoxelField(13)
    grid = field.grid
    with torch.no_grad():
        grid.copy_(linear(13))
    field.resize(to)
    assert field.grid is grid
    assert field.resolution == to
    assert torch.allclose(field.grid, linear(to), atol=1e-6)
    with torch.no_grad():
        grid.fill_(0.3)
    field.resize(13)
    assert torch.allclose(field.grid, torch.full_like(field.grid, 0.3), atol=1e-7)


def test_resize_takes_the_optimiser_along(voxels):
    field = VoxelField(13)
    optimizer = VoxelAdam([field.grid], lr=0.1)
    field.grid.grad = linear(13) + 10.0
    optimizer.step()
    first, second = (optimizer.state[field.grid][key].clone() for key in ("exp_avg", "exp_avg_sq"))
    field.resize(17, optimizer)
    state = optimizer.state[field.grid]
    assert torch.allclose(state["exp_avg"], 0.1 * (linear(17) + 10.0), atol=1e-5)
    assert state["exp_avg_sq"].shape == field.grid.shape
    assert second.min() <= state["exp_avg_sq"].min() <= state["exp_avg_sq"].max() <= second.max()
    assert state["exp_avg"].shape != first.shape
    before = field.grid.detach().clone()
    field.render(*voxels.rays(100))[0].sum().backward()
    optimizer.step()
    assert not torch.equal(field.grid.detach(), before)


def test_a_resized_field_renders_what_it_did(voxels):
    """Trilinear resampling to twice the points adds none of its own: old lattice points stay what they were."""
    field = voxels.field(13, contracted=False)
    rays = voxels.rays(200)
    points = torch.linspace(-0.5, 0.5, 13)[torch.randint(13, (50, 3), generator=torch.Generator().manual_seed(0))]
    before = field.density_and_color(points)
    field.resize(25)
    for found, expected in zip(field.density_and_color(points), before, strict=True):
        assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert field.render(*rays)[0].shape == (200, 3)


def test_a_checkpoint_of_another_resolution_loads(voxels):
    stored, field = sparse_field(voxels), VoxelField(8, background=(0.1, 0.6, 0.9))
    stored.update_occupancy(1e-3)
    grid = field.grid
    field.load_state_dict(stored.state_dict())
    assert field.grid is grid
    assert torch.equal(field.occupancy, stored.occupancy)
    rays = voxels.rays(100)
    for found, expected in zip(field.render(*rays), stored.render(*rays), strict=True):
        assert torch.equal(found, expected)
