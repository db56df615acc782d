"""DDNM: whatever the model thinks, what is restored agrees with what was measured."""

from __future__ import annotations

import pytest
import torch

from editor3d.errors import ConfigError
from editor3d.guidance.ddnm import (
    GreyLevels,
    KnownPixels,
    Matrix,
    RestorationSettings,
    SquareMeans,
    best_prior,
    create_restorer,
    project,
    sample,
    within_range,
)

SHAPE = (3, 16, 24)


def _random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _degradations():
    mask = torch.rand(16, 24, generator=_random(1)) > 0.6
    wide = torch.randn(40, 3 * 16 * 24, generator=_random(2), dtype=torch.float64)
    deficient = torch.cat([wide, wide[:10] * 2.0])  # rows that say the same
    return {
        "means": SquareMeans(4),
        "inpainting": KnownPixels(mask),
        "grey": GreyLevels((0.2126, 0.7152, 0.0722)),
        "matrix": Matrix(wide, SHAPE),
        "rank-deficient": Matrix(deficient, SHAPE),
    }


@pytest.fixture(params=list(_degradations()))
def degradation(request):
    return _degradations()[request.param]


def _picture(seed: int) -> torch.Tensor:
    return torch.rand(1, *SHAPE, generator=_random(seed), dtype=torch.float64)


def test_pseudo_inverses_are_the_dense_ones(degradation):
    basis = torch.eye(3 * 16 * 24, dtype=torch.float64).view(-1, *SHAPE)
    columns = degradation.apply(basis).flatten(1)
    dense = torch.linalg.pinv(columns.T)
    y = torch.randn(1, *degradation.apply(_picture(0)).shape[1:], generator=_random(3), dtype=torch.float64)
    expected = (y.flatten(1) @ dense.T).view(1, *SHAPE)
    torch.testing.assert_close(degradation.pseudo_inverse(y), expected, atol=1e-8, rtol=0)


def test_projection_agrees_and_is_the_nearest(degradation):
    x, y = _picture(4), degradation.apply(_picture(5))
    found = project(x, y, degradation)
    assert (degradation.apply(found) - y).abs().max() < 1e-8
    # what was changed lies in the row space: the null space keeps what the model said
    change = found - x
    row_space = degradation.pseudo_inverse(degradation.apply(change))
    torch.testing.assert_close(change, row_space, atol=1e-8, rtol=0)


def test_projecting_twice_changes_nothing(degradation):
    x, y = _picture(6), degradation.apply(_picture(7))
    once = project(x, y, degradation)
    torch.testing.assert_close(project(once, y, degradation), once, atol=1e-8, rtol=0)


def test_sampling_agrees_with_any_model(degradation):
    """A model that sees nothing but nonsense cannot make the answer disagree."""
    y = degradation.apply(_picture(8))
    generator, model = _random(9), _random(10)
    alphas = torch.linspace(0.999, 0.01, 100, dtype=torch.float64)
    found = sample(
        lambda x, t: torch.randn(x.shape, generator=model, dtype=x.dtype),
        lambda x: project(x, y, degradation),
        torch.randn(1, *SHAPE, generator=generator, dtype=torch.float64),
        alphas,
        [99, 70, 40, 10, 0],
        generator,
    )
    assert (degradation.apply(found) - y).abs().max() < 1e-4


def test_a_model_that_knows_the_picture_is_followed():
    truth, degradation = _picture(11), SquareMeans(4)
    y, generator = degradation.apply(truth), _random(12)
    alphas = torch.linspace(0.999, 0.01, 100, dtype=torch.float64)

    def predict(x, t):
        return (x - alphas[t].sqrt() * truth) / (1 - alphas[t]).sqrt()

    start = torch.randn(1, *SHAPE, generator=generator, dtype=torch.float64)
    found = sample(predict, lambda x: project(x, y, degradation), start, alphas, [99, 50, 0], generator)
    torch.testing.assert_close(found, truth, atol=1e-9, rtol=0)


@pytest.mark.parametrize("eta", [0.0, 0.6, 1.0])
def test_of_the_noise_between_steps_eta_is_new(eta):
    """x_s = sqrt(abar_s) x_hat + sqrt(1 - abar_s) (eta n + sqrt(1 - eta^2) eps), with n of the generator."""
    truth, eps = _picture(15), torch.randn(1, *SHAPE, generator=_random(16), dtype=torch.float64)
    alphas, given = torch.tensor([0.9, 0.5, 0.1], dtype=torch.float64), []

    def predict(x, t):
        given.append((x, t))
        return eps

    start = torch.randn(1, *SHAPE, generator=_random(17), dtype=torch.float64)
    sample(predict, lambda x: truth, start, alphas, [2, 0], _random(18), eta)
    noise = torch.randn(1, *SHAPE, generator=_random(18), dtype=torch.float64)
    expected = 0.9**0.5 * truth + 0.1**0.5 * (eta * noise + (1 - eta**2) ** 0.5 * eps)
    (first, two), (second, zero) = given
    assert (two, zero) == (2, 0)
    assert torch.equal(first, start)
    torch.testing.assert_close(second, expected, atol=1e-12, rtol=0)


def test_values_are_brought_into_range_without_disagreeing():
    degradation = SquareMeans(4)
    y = degradation.apply(_picture(13))
    found = within_range(_picture(14) * 3.0 - 1.0, y, degradation)
    assert (degradation.apply(found) - y).abs().max() < 1e-9
    assert found.min() > -0.05
    assert found.max() < 1.05


@pytest.fixture(scope="module")
def restorer():
    return create_restorer("tiny-ip2p", RestorationSettings(factor=4, steps=3))


@pytest.mark.parametrize("size", [(64, 64), (50, 70), (130, 100)])
def test_the_small_model_restores_in_agreement(restorer, size):
    y, x = torch.meshgrid(torch.linspace(0, 1, size[0]), torch.linspace(0, 1, size[1]), indexing="ij")
    picture = torch.stack([x, y, 0.5 * (x + y)], -1)
    guide = (picture + 0.05 * torch.sin(40 * x)[..., None]).clamp(0, 1)
    found = restorer.restore(picture, guide, seed=3)
    assert found.shape == picture.shape
    rows, columns = size[0] // 4 * 4, size[1] // 4 * 4
    means = SquareMeans(4)
    planes = [p[:rows, :columns].permute(2, 0, 1)[None].double() for p in (found, picture)]
    assert (means.apply(planes[0]) - means.apply(planes[1])).abs().max() < 1e-4
    assert not torch.equal(found, picture)
    assert torch.equal(found, restorer.restore(picture, guide, seed=3))
    assert not torch.equal(found, restorer.restore(picture, guide, seed=4))


def test_the_small_model_is_used_where_no_other_is_here(monkeypatch):
    monkeypatch.setattr("editor3d.guidance.ddnm.find_weights", lambda hub_id: None)
    assert best_prior() == "tiny-ip2p"
    with pytest.raises(ConfigError, match="tiny-ip2p"):
        create_restorer("none", RestorationSettings())


@pytest.mark.parametrize("wrong", [{"factor": 0}, {"steps": 0}, {"noise_level": 0.0}, {"eta": 1.5}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match="noise level"):
        RestorationSettings(**wrong)
