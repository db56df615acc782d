"""A view's kept weights give the rasterizer's picture, its gradient to the colours, and the same bits again."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gaussian.raster.rasterize import rasterization
from gaussian.raster.view_weights import ViewWeights

ROUNDING = 2.0**-8
"""Of a weight, which has the eight leading bits of a number."""


def weights_of(scene, least=0.0, antialiased=False) -> ViewWeights:
    return ViewWeights.of(
        scene.means, scene.quats, scene.scales, scene.opacities, scene.viewmats[0], scene.Ks[0], scene.width,
        scene.height, least=least, antialiased=antialiased,
    )  # fmt: skip


def drawn(scene, colors, mode="classic"):
    arguments = [*scene.arguments[:4], colors, *scene.arguments[5:]]
    return rasterization(*arguments, rasterize_mode=mode)[0][0]


@pytest.fixture
def numbers():
    return np.random.default_rng(0)


@pytest.mark.parametrize("mode", ["classic", "antialiased"])
def test_its_residual_is_the_gradient_of_the_rasterizer(scene_of, numbers, mode):
    scene = scene_of(600, 83, 61)
    weights = weights_of(scene, antialiased=mode == "antialiased")
    target = numbers.random((61, 83, 3), np.float32)
    importance = numbers.random((61, 83), np.float32) * (numbers.random((61, 83)) < 0.7)
    colors = scene.colors.clone().requires_grad_()
    difference = torch.from_numpy(target) - drawn(scene, colors, mode)
    loss = (torch.from_numpy(importance)[..., None] * difference.square()).sum()
    loss.backward()
    found, squares = weights.residual(scene.colors.numpy(), importance, target)
    wanted = -0.5 * colors.grad.numpy()
    assert np.abs(wanted).max() > 1
    np.testing.assert_allclose(found, wanted, atol=2 * ROUNDING * np.abs(wanted).max())
    assert squares == pytest.approx(loss.item(), rel=2 * ROUNDING)


def test_its_product_is_what_its_residual_loses(scene_of, numbers):
    scene = scene_of(400, 50, 40)
    weights, importance = weights_of(scene), numbers.random((40, 50), np.float32)
    zero, nothing = np.zeros((400, 3), np.float32), np.zeros((40, 50, 3), np.float32)
    colors = scene.colors.numpy()
    product, square = weights.product(colors, importance)
    np.testing.assert_allclose(product, -weights.residual(colors, importance, nothing)[0], rtol=1e-6)
    assert square == pytest.approx(float((product.astype(np.float64) * colors).sum()), rel=1e-5)
    assert not weights.product(zero, importance)[0].any()


def test_its_sums_are_those_of_its_columns(scene_of, numbers):
    scene = scene_of(60, 40, 33)
    weights, importance = weights_of(scene), numbers.random((33, 40), np.float32)
    columns = []
    for one in torch.eye(60)[:, :, None].expand(-1, -1, 3):
        columns.append(drawn(scene, one.contiguous())[..., 0].double().numpy())
    wanted = [[(importance * column**power).sum() for power in (1, 2)] for column in columns]
    np.testing.assert_allclose(weights.sums(importance), wanted, rtol=3 * ROUNDING, atol=1e-4)


def test_small_weights_are_left_out(scene_of):
    scene = scene_of(600, 83, 61)
    whole, pruned = weights_of(scene), weights_of(scene, least=1e-3)
    assert pruned.nbytes < whole.nbytes
    everywhere = np.ones((61, 83), np.float32)
    lost = whole.sums(everywhere)[:, 0] - pruned.sums(everywhere)[:, 0]
    assert (lost >= 0).all()
    assert lost.sum() < 0.01 * whole.sums(everywhere)[:, 0].sum()


def test_a_view_that_sees_nothing_has_no_weights(scene_of):
    scene = scene_of(80)
    away = scene.viewmats[0].clone()
    away[2, 3] = -100.0
    weights = ViewWeights.of(scene.means, scene.quats, scene.scales, scene.opacities, away, scene.Ks[0], 45, 37)
    assert not weights.sums(np.ones((37, 45), np.float32)).any()


def test_the_same_bits_on_every_call(scene_of, numbers):
    scene = scene_of(3000, 120, 90)
    target, importance = numbers.random((90, 120, 3), np.float32), numbers.random((90, 120), np.float32)
    first, second = (weights_of(scene).residual(scene.colors.numpy(), importance, target) for _ in range(2))
    assert first[0].tobytes() == second[0].tobytes()
    assert first[1] == second[1]
