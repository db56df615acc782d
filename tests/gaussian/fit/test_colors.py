"""Colours fitted alone: dense least squares, what is unchanged, what is frozen, what no picture shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gaussian.draw.selection import PosedPinhole
from gaussian.fit import colors as fitting
from gaussian.fit.colors import ColorTarget, fit_colors
from gaussian.model.parameters import harmonics_of, parameters_of
from gaussian.raster.rasterize import rasterization
from gaussian.raster.view_weights import ViewWeights
from gaussian.splats import SH_C0, Splats, with_sh_degree

WIDTH, HEIGHT = 48, 40
BLACK = torch.zeros(3)


def scene(count: int = 60, seed: int = 0) -> dict[str, torch.Tensor]:
    """Gaussians in front of `pinholes`, their colours well inside 0..1; the last one behind all cameras."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=generator) * (high - low) + low

    means = torch.cat([uniform(-1.0, 1.0, count, 2), uniform(2.0, 3.0, count, 1)], 1)
    means[-1] = torch.tensor([0.0, 0.0, -3.0])
    sh = (uniform(0.3, 0.7, count, 1, 3) - 0.5) / SH_C0
    scales = uniform(-3.0, -1.8, count, 3)
    splats = Splats(means, scales, torch.randn(count, 4, generator=generator), uniform(-1.0, 2.0, count), sh)
    splats = with_sh_degree(splats, 1)
    splats.sh[:, 1:] = uniform(-0.05, 0.05, count, 3, 3)
    return parameters_of(splats)


def pinholes(count: int = 3) -> list[PosedPinhole]:
    found = []
    for place in range(count):
        viewmat = torch.eye(4)
        viewmat[0, 3] = 0.3 * (place - (count - 1) / 2)
        K = torch.tensor([[40.0, 0, WIDTH / 2], [0, 40.0, HEIGHT / 2], [0, 0, 1]])
        found.append(PosedPinhole(viewmat, K, WIDTH, HEIGHT))
    return found


def draw(parameters, camera: PosedPinhole, sh=None) -> torch.Tensor:
    sh = harmonics_of(parameters) if sh is None else sh
    degree = int(sh.shape[1] ** 0.5) - 1
    p = parameters
    return rasterization(
        p["means"], p["quats"], p["scales"].exp(), p["opacities"].sigmoid()[:, 0], sh, camera.viewmat[None],
        camera.K[None], WIDTH, HEIGHT, sh_degree=degree, packed=False,
    )[0][0]  # fmt: skip


def targets_of(parameters, change=lambda picture: picture, weight=None) -> list[ColorTarget]:
    everywhere = torch.ones(HEIGHT, WIDTH) if weight is None else weight
    return [ColorTarget(camera, change(draw(parameters, camera)).clamp(0, 1), everywhere) for camera in pinholes()]


def same(found, parameters) -> None:
    for name, value in found.items():
        assert torch.equal(value, parameters[name]), name


def test_pictures_of_the_scene_itself_change_nothing():
    parameters = scene()
    found = fit_colors(parameters, targets_of(parameters), background=BLACK)
    torch.testing.assert_close(found["features_dc"], parameters["features_dc"], atol=1e-5, rtol=0.0)
    assert torch.equal(found["features_rest"], parameters["features_rest"])


@pytest.mark.parametrize("degree", [0, 1])
def test_the_solution_is_that_of_dense_least_squares(degree, monkeypatch):
    monkeypatch.setattr(fitting._Fit, "start", lambda self: None)  # damped towards the scene as it was
    parameters, bases = scene(20), (degree + 1) ** 2
    rng = np.random.default_rng(0)
    weight = torch.from_numpy(rng.random((HEIGHT, WIDTH), np.float32))
    targets = targets_of(parameters, lambda picture: 0.2 + 0.7 * picture.flip(-1), weight)
    found = fit_colors(parameters, targets, background=BLACK, degree=degree, passes=60, rounds=6)
    before = harmonics_of(parameters)
    rows, wanted = [], []
    for target in targets:
        columns = []
        zero = draw(parameters, target.camera, before * 0).double()  # the 0.5 of every colour
        for i in range(20):
            for k in range(bases):
                one = torch.zeros_like(before)
                one[i, k] = 0.1  # which keeps colours above 0
                columns.append((draw(parameters, target.camera, one).double() - zero).reshape(-1, 3)[:, 0] / 0.1)
        root = target.weight.double().reshape(-1, 1).sqrt()
        rows.append(torch.stack(columns, 1) * root)
        residual = target.picture.double() - draw(parameters, target.camera).double()
        wanted.append(residual.reshape(-1, 3) * root)
    damping = torch.tensor([fitting.DAMPING] + [fitting.HARMONIC_DAMPING] * (bases - 1)).double() * SH_C0**2
    matrix, right = torch.cat(rows), torch.cat(wanted)
    normal = matrix.T @ matrix + torch.diag(damping.repeat(20))
    exact = torch.linalg.solve(normal, matrix.T @ right).view(20, bases, 3)
    got = torch.cat([found["features_dc"][:, None], found["features_rest"]], 1) - before
    assert exact.abs().max() > 0.3
    torch.testing.assert_close(got[:, :bases].double(), exact, atol=5e-3, rtol=0.0)
    assert not got[:, bases:].any()


def test_the_scene_looks_like_the_pictures():
    parameters = scene()
    targets = targets_of(parameters, lambda picture: 0.6 * picture[..., [2, 0, 1]])
    found = parameters | fit_colors(parameters, targets, background=BLACK)
    for target in targets:
        solid = draw(parameters, target.camera, harmonics_of(parameters) * 0).mean(-1) > 0.3
        off = (draw(found, target.camera) - target.picture)[solid].abs().mean()
        assert off < 0.25 * (draw(parameters, target.camera) - target.picture)[solid].abs().mean()


def test_what_no_picture_shows_takes_part_in_the_change():
    parameters = scene()
    targets = targets_of(parameters, lambda picture: 0.5 * picture)
    found = fit_colors(parameters, targets, background=BLACK)
    before, after = (0.5 + SH_C0 * p["features_dc"][-1] for p in (parameters, found))
    assert (after / before - 0.5).abs().max() < 0.15


def test_frozen_gaussians_keep_their_bits():
    parameters = scene()
    free = torch.arange(60) % 3 == 0
    targets = targets_of(parameters, lambda picture: 1 - picture)
    found = fit_colors(parameters, targets, background=BLACK, free=free, degree=1)
    for name, value in found.items():
        assert torch.equal(value[~free], parameters[name][~free])
        assert not torch.equal(value[free], parameters[name][free])


def test_pixels_without_weight_say_nothing():
    parameters = scene()
    targets = targets_of(parameters, lambda picture: 1 - picture, torch.zeros(HEIGHT, WIDTH))
    same(fit_colors(parameters, targets, background=BLACK), parameters)


def test_the_same_bits_again():
    parameters = scene()
    targets = targets_of(parameters, lambda picture: 1 - picture)
    same(*(fit_colors(parameters, targets, background=BLACK) for _ in range(2)))


def test_kept_weights_are_used_again_and_change_no_bit(monkeypatch):
    parameters = scene()
    targets = [replace(target, view=view) for view, target in enumerate(targets_of(parameters, lambda p: 1 - p))]
    kept = {}
    fit_colors(parameters, targets[:2], background=BLACK, kept=kept)
    made, of = [], ViewWeights.of
    monkeypatch.setattr(fitting.ViewWeights, "of", lambda *args, **how: made.append(args) or of(*args, **how))
    found = fit_colors(parameters, targets, background=BLACK, kept=kept)
    assert len(made) == len(targets) - 2
    same(fit_colors(parameters, targets, background=BLACK), found)


def test_an_edit_that_covers_everything_takes_the_sheen_away_even_where_no_picture_shows_it():
    parameters = scene()
    found = fit_colors(parameters, targets_of(parameters, torch.ones_like), background=torch.ones(3))
    before, after = (p["features_rest"][-1].abs().mean() for p in (parameters, found))  # the one behind the cameras
    assert after < 0.7 * before


def test_an_edit_that_doubles_contrast_doubles_the_sheen():
    parameters = scene()
    targets = targets_of(parameters, lambda picture: 2.0 * picture - 0.5 * (picture > 0.2))
    found = fit_colors(parameters, targets, background=BLACK)
    assert found["features_rest"].abs().mean() > 1.3 * parameters["features_rest"].abs().mean()
