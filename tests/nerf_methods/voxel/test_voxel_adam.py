"""The voxel optimiser: compiled and torch paths agree with each other and with Adam."""

from __future__ import annotations

import pytest
import torch

from nerf_methods.voxel.optimizer import VoxelAdam, VoxelAdamConfig

SHAPE = (5, 6, 19, 4)  # rows of 16 and of 64 both end inside


def draw(seed: int, sparse: bool) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(SHAPE, generator=generator)
    if sparse:
        values *= torch.rand(SHAPE[:3], generator=generator)[..., None] < 0.2
    return values


def run(make, steps: int = 6, sparse: bool = False) -> torch.Tensor:
    p = torch.nn.Parameter(draw(0, False))
    optimizer = make([p])
    for step in range(steps):
        p.grad = draw(step + 1, sparse)
        optimizer.step()
    return p.detach()


class TorchVoxelAdam(VoxelAdam):
    """The path of other devices, on the CPU."""

    _step_compiled = staticmethod(VoxelAdam._step_torch)


@pytest.mark.parametrize("cls", [VoxelAdam, TorchVoxelAdam])
def test_is_adam_where_every_entry_has_a_gradient(cls):
    found = run(lambda p: cls(p, lr=0.05, betas=(0.9, 0.99), eps=1e-8))
    truth = run(lambda p: torch.optim.Adam([p[0]], lr=0.05, betas=(0.9, 0.99), eps=1e-8))
    assert torch.allclose(found, truth, atol=1e-5)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("smoothness", [(0.0, 0.0), (0.3, 0.0), (0.0, 0.2), (0.3, 0.2)])
def test_compiled_and_torch_paths_agree(sparse, smoothness):
    density, color = smoothness
    options = dict(lr=0.05, density_lr_scale=4.0, density_smoothness=density, color_smoothness=color)
    compiled = run(lambda p: VoxelAdam(p, **options), sparse=sparse)
    plain = run(lambda p: TorchVoxelAdam(p, **options), sparse=sparse)
    assert torch.allclose(compiled, plain, atol=2e-5)
    assert not torch.allclose(compiled, draw(0, False), atol=1e-2)


@pytest.mark.parametrize("cls", [VoxelAdam, TorchVoxelAdam])
@pytest.mark.parametrize("smoothness", [0.0, 0.3])
def test_entries_without_gradient_keep_every_bit(cls, smoothness):
    p = torch.nn.Parameter(draw(0, False))
    optimizer = cls([p], lr=0.05, density_smoothness=smoothness, color_smoothness=smoothness)
    p.grad = draw(1, False)
    optimizer.step()
    state = optimizer.state[p]
    before = [value.detach().clone() for value in (p, state["exp_avg"], state["exp_avg_sq"])]
    p.grad = draw(2, True)
    seen = (p.grad != 0).any(-1)
    assert bool(seen.any())
    assert not bool(seen.all())
    optimizer.step()
    for now, then in zip((p.detach(), state["exp_avg"], state["exp_avg_sq"]), before, strict=True):
        assert torch.equal(now[~seen], then[~seen])
        assert bool((now[seen] != then[seen]).all())


def test_smoothness_pulls_neighbours_together_by_the_clipped_difference():
    p = torch.nn.Parameter(torch.zeros(SHAPE))
    with torch.no_grad():
        p[2, 3, 7] = torch.tensor([0.4, 0.2, 5.0, 0.0])
    optimizer = VoxelAdam([p], lr=0.0, betas=(0.0, 0.0), density_smoothness=0.5, color_smoothness=0.1)
    p.grad = torch.zeros(SHAPE)
    p.grad[2, 3, 6:9] = 1.0
    optimizer.step()
    moved = optimizer.state[p]["exp_avg"] - 1.0  # with no memory the first moment is the gradient
    # six neighbours, all zero: six times the difference, cut at 1
    assert torch.allclose(moved[2, 3, 7], torch.tensor([0.5 * 6 * 0.4, 0.1 * 6 * 0.2, 0.1 * 6 * 1.0, 0.0]), atol=1e-6)
    assert torch.allclose(moved[2, 3, 6], -torch.tensor([0.5 * 0.4, 0.1 * 0.2, 0.1 * 1.0, 0.0]), atol=1e-6)


def test_density_has_a_rate_of_its_own():
    p = torch.nn.Parameter(torch.zeros(SHAPE))
    optimizer = VoxelAdam([p], lr=0.01, density_lr_scale=10.0)
    p.grad = torch.ones(SHAPE)
    optimizer.step()
    assert torch.allclose(p[..., 0], torch.tensor(-0.1), atol=1e-6)
    assert torch.allclose(p[..., 1:], torch.tensor(-0.01), atol=1e-6)


def test_a_gradient_of_any_layout_is_the_same():
    p, q = torch.nn.Parameter(draw(0, False)), torch.nn.Parameter(draw(0, False))
    grad = draw(1, False)
    p.grad = grad.clone()
    q.grad = grad.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0)
    for parameter in (p, q):
        VoxelAdam([parameter], density_smoothness=0.1).step()
    assert torch.equal(p.detach(), q.detach())


def test_an_edit_of_colours_alone_leaves_density():
    config = VoxelAdamConfig(lr=0.1, density_lr_scale=10.0)
    params = [torch.nn.Parameter(torch.zeros(2, 2, 2, 4))]
    assert config.setup(params).defaults["density_lr_scale"] == 10.0
    assert config.for_kept_shape().setup(params).defaults["density_lr_scale"] == 0.0
