"""Projection and spherical harmonics equal gsplat's own torch references."""

from __future__ import annotations

import pytest
import torch
from gsplat.cuda._torch_impl import (
    _fully_fused_projection,
    _quat_scale_to_covar_preci,
    _spherical_harmonics,
)

from gaussian.raster.autograd import Harmonics, Project

LIMITS = (0.01, 1e10, 0.3, 0.0)  # near, far, eps2d, radius_clip


def project_both(scene, single, double):
    """(means2d, depths, conics, compensations, radii) by the kernel and by gsplat, of which the second is float64."""
    means2d, depths, conics, radii, compensations, _ = Project.apply(
        single.means, single.quats, single.scales, single.viewmats, scene.Ks, scene.width, scene.height, *LIMITS
    )
    covars, _ = _quat_scale_to_covar_preci(double.quats, double.scales, compute_preci=False)
    radii64, means2d64, depths64, conics64, compensations64 = _fully_fused_projection(
        double.means, covars, double.viewmats, double.Ks, scene.width, scene.height, calc_compensations=True
    )
    return (means2d, depths, conics, compensations, radii), (
        means2d64,
        depths64,
        conics64,
        compensations64,
        radii64,
    )


@pytest.mark.parametrize("seed", range(4))
def test_projection_equals_gsplats(scene_of, seed):
    scene = scene_of(400, cameras=2, seed=seed)
    ours, theirs = project_both(scene, scene, scene.leaves(torch.float64))
    radii, radii64 = ours[-1], theirs[-1]
    # where three sigma are a whole number of pixels within rounding, either may be right
    assert ((radii - radii64).abs() > 1).sum() == 0
    assert (radii != radii64).float().mean() <= 0.005
    seen = (radii > 0) & (radii64 > 0)
    assert 0.2 < seen.float().mean() < 0.9
    for mine, right in zip(ours[:4], theirs[:4], strict=True):
        mine, right = mine[seen].double(), right[seen]
        scale = right.abs().amax(-1, keepdim=True) if right.ndim > 1 else right.abs()
        assert ((mine - right).abs() <= 1e-4 * scale + 1e-5).all()
    assert not ours[0][radii == 0].any()
    assert not ours[2][radii == 0].any()


@pytest.mark.parametrize("seed", range(4))
def test_gradients_of_the_projection_equal_gsplats(scene_of, seed):
    scene = scene_of(200, cameras=2, seed=seed)
    single, double = scene.leaves(), scene.leaves(torch.float64)
    ours, theirs = project_both(scene, single, double)
    seen = (ours[-1] > 0) & (theirs[-1] > 0)
    generator = torch.Generator().manual_seed(seed)
    loss, loss64 = 0.0, 0.0
    for mine, right, of in zip(ours[:4], theirs[:4], (seen, seen, seen, seen), strict=True):
        weights = torch.randn(right.shape, generator=generator) * of.view(*of.shape, *(1,) * (right.ndim - 2))
        loss = loss + (mine * weights).sum()
        loss64 = loss64 + (torch.where(weights != 0, right, 0.0) * weights).sum()
    loss.backward()
    loss64.backward()
    for name, right in double.gradients().items():
        off = single.gradients()[name].double() - right
        assert off.norm() <= 1e-3 * right.norm(), name


@pytest.mark.parametrize(("length", "aspect"), [(10.0, 1e3), (1e3, 1e3), (1e4, 1e4)])
def test_needles_keep_their_determinant(needles_of, length, aspect):
    scene = needles_of(200, length=length, aspect=aspect)
    double = scene.leaves(torch.float64)
    *_, conics, radii, compensations, determinants = Project.apply(
        scene.means, scene.quats, scene.scales, scene.viewmats, scene.Ks, scene.width, scene.height, *LIMITS
    )
    _, (_, _, conics64, compensations64, _) = project_both(scene, scene, double)
    seen = radii > 0
    assert seen.float().mean() > 0.9
    right = conics64[..., 0] * conics64[..., 2] - conics64[..., 1] ** 2
    torch.testing.assert_close(determinants[seen].double(), right[seen], rtol=2e-4, atol=0)
    torch.testing.assert_close(compensations[seen].double(), compensations64[seen], rtol=2e-4, atol=0)
    assert (conics[seen].double() - conics64[seen]).norm(dim=-1).max() <= 1e-4 * conics64[seen].norm(dim=-1).max()


@pytest.mark.parametrize("by_camera", [False, True])
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_harmonics_equal_gsplats(degree, by_camera):
    generator = torch.Generator().manual_seed(degree)
    cameras, n = 2, 50
    radii = torch.ones(cameras, n, dtype=torch.int32)
    radii[:, ::7] = 0
    shape = (cameras, n, 16, 3) if by_camera else (n, 16, 3)
    single = [torch.randn(*s, generator=generator) for s in ((n, 3), (cameras, 3), shape)]
    double = [value.double().requires_grad_() for value in single]
    single = [value.requires_grad_() for value in single]
    weights = torch.randn(cameras, n, 3, generator=generator)

    ours = Harmonics.apply(*single, radii, degree)
    means, eyes, sh = double
    theirs = _spherical_harmonics(degree, means[None] - eyes[:, None], sh.expand(cameras, n, 16, 3))
    theirs = torch.where((radii > 0)[..., None], theirs, 0.0)
    torch.testing.assert_close(ours, theirs.float(), rtol=1e-5, atol=1e-5)
    (ours * weights).sum().backward()
    (theirs * weights).sum().backward()
    for mine, right in zip(single, double, strict=True):
        wanted = torch.zeros_like(mine) if right.grad is None else right.grad.float()
        torch.testing.assert_close(mine.grad, wanted, rtol=1e-4, atol=1e-4)
