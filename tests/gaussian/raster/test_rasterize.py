"""The rasterizer for CPUs equals a plain float64 one, in pictures and in every gradient."""

from __future__ import annotations

import inspect
from dataclasses import replace

import gsplat
import numba
import pytest
import torch
from torch import Tensor

from gaussian.raster.kernels import ALPHA_MIN
from gaussian.raster.rasterize import rasterization

SIZES = [(45, 37), (16, 16), (1, 1), (64, 3), (17, 33)]
MODES = ["RGB", "D", "ED", "RGB+D", "RGB+ED"]


def assert_same(scene, reference, *, backgrounds: Tensor | None = None, seed: int = 1, **options) -> dict:
    """Picture and accumulation to 1e-4, every gradient to 1e-3 of its greatest entry and of its length."""
    generator = torch.Generator().manual_seed(seed)
    behind = None if backgrounds is None else backgrounds.clone().requires_grad_()
    behind64 = None if backgrounds is None else backgrounds.double().requires_grad_()
    single, double = scene.leaves(), scene.leaves(torch.float64)
    picture, accumulation, meta = rasterization(*single.arguments, backgrounds=behind, **options)
    known = dict(options)
    for name in ("packed", "absgrad"):
        known.pop(name, None)
    antialiased = known.pop("rasterize_mode", "classic") == "antialiased"
    wanted = reference(double, backgrounds=behind64, antialiased=antialiased, **known)

    assert picture.shape == wanted.picture.shape
    scale = max(1.0, float(wanted.picture.detach().abs().max()))
    assert (picture - wanted.picture).abs().max() <= 1e-4 * scale
    assert (accumulation - wanted.accumulation).abs().max() <= 1e-4

    weights = torch.randn(picture.shape, generator=generator)
    weights_accumulation = torch.randn(accumulation.shape, generator=generator)
    ((picture * weights).sum() + (accumulation * weights_accumulation).sum()).backward()
    ((wanted.picture * weights).sum() + (wanted.accumulation * weights_accumulation).sum()).backward()
    gradients, expected = single.gradients(), double.gradients()
    if behind is not None and behind64.grad is not None:
        gradients["backgrounds"], expected["backgrounds"] = behind.grad, behind64.grad
    for name, right in expected.items():
        off = gradients[name].double() - right
        assert off.norm() <= 1e-3 * right.norm(), name
        assert off.abs().max() <= 1e-3 * right.abs().max(), name
    return {"meta": meta, "reference": wanted, "gradients": gradients}


def test_takes_what_gsplat_takes():
    ours, theirs = inspect.signature(rasterization), inspect.signature(gsplat.rasterization)
    assert list(ours.parameters) == list(theirs.parameters)
    for name, parameter in theirs.parameters.items():
        assert ours.parameters[name].default == parameter.default, name


@pytest.mark.parametrize("seed", range(6))
def test_pictures_and_gradients_equal_plain_compositing(scene_of, reference, seed):
    scene = scene_of(seed=seed)
    result = assert_same(scene, reference, backgrounds=torch.tensor([[0.2, 0.5, 0.9]]))
    assert set(result["gradients"]) >= {"means", "quats", "scales", "opacities", "colors", "viewmats", "backgrounds"}
    wanted = result["reference"]
    assert wanted.accumulation.max() > 0.99  # the scene does end some pixels early
    assert (wanted.radii == 0).any()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_pictures_of_any_size(scene_of, reference, width, height):
    assert_same(scene_of(width=width, height=height, seed=3), reference, backgrounds=torch.rand(1, 3))


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("mode", MODES)
def test_depth_modes(scene_of, reference, mode, packed):
    assert_same(scene_of(seed=4), reference, backgrounds=torch.rand(1, 3), render_mode=mode, packed=packed)


@pytest.mark.parametrize("channels", [1, 3, 4, 7])
@pytest.mark.parametrize("cameras", [1, 3])
def test_any_number_of_channels_and_cameras(scene_of, reference, channels, cameras):
    scene = scene_of(60, channels=channels, cameras=cameras, seed=5)
    assert_same(scene, reference, backgrounds=torch.rand(cameras, channels))


def test_colours_may_differ_by_camera(scene_of, reference):
    scene = scene_of(60, cameras=2, seed=6)
    assert_same(replace(scene, colors=torch.rand(2, 60, 3)), reference, packed=False)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_spherical_harmonics(scene_of, reference, degree):
    assert_same(scene_of(sh_degree=3, cameras=2, seed=7), reference, sh_degree=degree)


def test_harmonics_may_differ_by_camera(scene_of, reference):
    scene = scene_of(40, sh_degree=1, cameras=2, seed=8)
    assert_same(replace(scene, colors=torch.randn(2, 40, 4, 3) * 0.3), reference, sh_degree=1, packed=False)


@pytest.mark.parametrize("mode", ["RGB", "RGB+ED"])
def test_antialiasing(scene_of, reference, mode):
    scene = scene_of(seed=9)
    result = assert_same(scene, reference, rasterize_mode="antialiased", render_mode=mode, packed=False)
    classic, _, _ = rasterization(*scene.arguments, render_mode=mode)
    assert (classic - result["reference"].picture).abs().max() > 0.01


@pytest.mark.parametrize("mode", ["classic", "antialiased"])
@pytest.mark.parametrize(("length", "aspect"), [(10.0, 1e3), (1e2, 1e3), (1e3, 1e4), (1e4, 1e4)])
def test_needles(needles_of, reference, length, aspect, mode):
    """Where |a|^2 |b|^2 and (a . b)^2 differ by less than a float32 can tell."""
    scene = needles_of(20, length=length, aspect=aspect, width=64, height=48, seed=1)
    single, double = scene.leaves(), scene.leaves(torch.float64)
    picture, _, _ = rasterization(*single.arguments, rasterize_mode=mode)
    wanted = reference(double, antialiased=mode == "antialiased").picture
    off = (picture - wanted).detach().abs()
    assert off.mean() <= 1e-5
    assert off.max() <= 1.5 * ALPHA_MIN  # a pixel at the very edge may fall on either side
    weights = torch.randn(picture.shape, generator=torch.Generator().manual_seed(3))
    (picture * weights).sum().backward()
    (wanted * weights).sum().backward()
    gradients = single.gradients()
    for name, right in double.gradients().items():
        assert (gradients[name].double() - right).norm() <= 2e-3 * right.norm(), name


@pytest.mark.parametrize(("cameras", "channels"), [(1, 1), (2, 3)])
def test_gradients_do_not_depend_on_the_number_of_threads(scene_of, cameras, channels):
    scene = scene_of(200, width=300, height=200, cameras=cameras, channels=channels, seed=19)
    weights = torch.rand(cameras, 200, 300, channels, generator=torch.Generator().manual_seed(0))
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3, 5):
            torch.set_num_threads(count)
            numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))
            leaves = scene.leaves()
            background = torch.full((cameras, channels), 0.3, requires_grad=True)
            picture, _, _ = rasterization(*leaves.arguments, backgrounds=background)
            (picture * weights).sum().backward()
            found.append(leaves.gradients() | {"backgrounds": background.grad})
    finally:
        torch.set_num_threads(threads)
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    for other in found[1:]:
        for name, gradient in found[0].items():
            assert torch.equal(gradient, other[name]), name


@pytest.mark.parametrize("width", [45, 16])
def test_one_gaussian(scene_of, reference, width):
    scene = scene_of(8, width=width, seed=10)
    only = {name: getattr(scene, name)[4:5] for name in ("means", "quats", "scales", "opacities", "colors")}
    only["means"] = torch.tensor([[0.1, -0.05, 2.0]])
    assert_same(replace(scene, **only), reference)


@pytest.mark.parametrize("count", [0, 30])
def test_nothing_to_see_is_background(scene_of, count):
    scene = scene_of(count, seed=11)
    scene = replace(scene, means=scene.means * torch.tensor([1.0, 1.0, 0.0]) - torch.tensor([0.0, 0.0, 3.0])).leaves()
    background = torch.tensor([[0.1, 0.2, 0.3]], requires_grad=True)
    picture, accumulation, meta = rasterization(*scene.arguments, backgrounds=background)
    assert torch.equal(picture, background.expand_as(picture))
    assert not accumulation.any()
    assert len(meta["flatten_ids"]) == 0
    (picture.sum() + accumulation.sum()).backward()
    for name, gradient in scene.gradients().items():
        assert not gradient.any(), name
    torch.testing.assert_close(background.grad, torch.full((1, 3), float(scene.width * scene.height)))


def test_gradients_that_nobody_asks_for_are_not_needed(scene_of):
    scene = scene_of(seed=12)
    colors = scene.colors.clone().requires_grad_()
    picture, _, _ = rasterization(*replace(scene, colors=colors).arguments)
    picture.sum().backward()
    assert colors.grad.abs().sum() > 0
    assert not rasterization(*scene.arguments)[0].requires_grad


def test_near_far_and_radius_limits_leave_gaussians_out(scene_of):
    scene = scene_of(seed=13)
    _, _, meta = rasterization(*scene.arguments, packed=False)
    _, _, limited = rasterization(*scene.arguments, packed=False, near_plane=2.0, far_plane=4.0, radius_clip=3.0)
    seen = meta["radii"] > 0
    kept = seen & (meta["depths"] > 2.0) & (meta["depths"] < 4.0) & (meta["radii"] > 3)
    assert torch.equal(limited["radii"] > 0, kept)
    assert 0 < kept.sum() < seen.sum()


# packed


@pytest.mark.parametrize("cameras", [1, 2])
def test_packed_or_not_is_the_same_picture_and_the_same_gradients(scene_of, cameras):
    results = []
    for packed in (True, False):
        scene = scene_of(cameras=cameras, seed=14).leaves()
        picture, accumulation, meta = rasterization(*scene.arguments, packed=packed, absgrad=True)
        meta["means2d"].retain_grad()
        picture.square().sum().backward()
        results.append((picture, accumulation, scene.gradients(), meta))
    (picture, accumulation, gradients, packed), (picture_, accumulation_, gradients_, whole) = results
    assert torch.equal(picture, picture_)
    assert torch.equal(accumulation, accumulation_)
    for name, gradient in gradients.items():
        assert torch.equal(gradient, gradients_[name]), name

    c, n = whole["radii"].shape
    where = (packed["camera_ids"], packed["gaussian_ids"])
    seen = len(where[0])
    assert seen == int((whole["radii"] > 0).sum())
    assert whole["camera_ids"] is None
    assert whole["gaussian_ids"] is None
    shapes = {"radii": (), "means2d": (2,), "depths": (), "conics": (3,), "opacities": (), "tiles_per_gauss": ()}
    for name, tail in shapes.items():
        assert packed[name].shape == (seen, *tail), name
        assert whole[name].shape == (c, n, *tail), name
        assert torch.equal(packed[name], whole[name][where]), name
    assert torch.equal(packed["means2d"].grad, whole["means2d"].grad[where])
    assert torch.equal(packed["means2d"].absgrad, whole["means2d"].absgrad[where])
    # flatten_ids count [nnz] or [C * N], each as gsplat documents it
    flat = where[0] * n + where[1]
    assert torch.equal(flat[packed["flatten_ids"].long()].int(), whole["flatten_ids"])
    assert torch.equal(packed["isect_offsets"], whole["isect_offsets"])


# absolute gradients


def test_absolute_gradients_equal_the_sum_over_pixels(scene_of, reference):
    scene = scene_of(40, cameras=2, seed=15)
    single, double = scene.leaves(), scene.leaves(torch.float64)
    picture, _, meta = rasterization(*single.arguments, packed=False, absgrad=True)
    wanted = reference(double)
    weights = torch.randn(picture.shape, generator=torch.Generator().manual_seed(0))
    meta["means2d"].retain_grad()
    (picture * weights).sum().backward()
    (wanted.picture * weights).sum().backward()
    by_hand = torch.stack([seen.grad.abs().sum(0) for seen in wanted.means2d_of_pixels])
    absolute = meta["means2d"].absgrad
    assert absolute.shape == by_hand.shape
    assert (absolute - by_hand).abs().max() <= 1e-3 * by_hand.max()
    assert (absolute >= meta["means2d"].grad.abs() * (1 - 1e-4) - 1e-6).all()
    assert (absolute.sum() > 1.5 * meta["means2d"].grad.abs().sum()).item()


def test_absolute_gradients_change_no_other(scene_of):
    gradients = []
    for absgrad in (False, True):
        scene = scene_of(seed=16).leaves()
        picture, _, meta = rasterization(*scene.arguments, packed=False, absgrad=absgrad)
        picture.square().sum().backward()
        assert hasattr(meta["means2d"], "absgrad") == absgrad
        gradients.append(scene.gradients())
    for name, gradient in gradients[0].items():
        assert torch.equal(gradient, gradients[1][name]), name


@pytest.mark.parametrize("mode", ["RGB", "RGB+ED"])
def test_absolute_gradients_are_no_smaller_than_gradients(scene_of, mode):
    scene = scene_of(seed=17).leaves()
    picture, _, meta = rasterization(*scene.arguments, absgrad=True, render_mode=mode)
    meta["means2d"].retain_grad()
    picture.square().sum().backward()
    assert (meta["means2d"].absgrad >= meta["means2d"].grad.abs() * (1 - 1e-4) - 1e-6).all()


# what does not fit


def wrong(**changes):
    return changes


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (wrong(quats=torch.rand(80, 3)), "quats"),
        (wrong(scales=torch.rand(79, 3)), "scales"),
        (wrong(opacities=torch.rand(80, 1)), "opacities"),
        (wrong(viewmats=torch.eye(4)), "viewmats"),
        (wrong(Ks=torch.eye(3)), "Ks"),
        (wrong(means=torch.rand(80, 3, dtype=torch.float64)), "float32"),
        (wrong(colors=torch.rand(80, 3, dtype=torch.float64)), "float32"),
        (wrong(colors=torch.rand(79, 3)), "colors"),
        (wrong(viewmats=torch.empty(0, 4, 4), Ks=torch.empty(0, 3, 3)), "camera"),
        (wrong(sh_degree=2, colors=torch.rand(80, 4, 3)), "coefficients"),
        (wrong(sh_degree=4, colors=torch.rand(80, 25, 3)), "sh_degree"),
        (wrong(backgrounds=torch.rand(3)), "backgrounds"),
        (wrong(backgrounds=torch.rand(1, 4)), "backgrounds"),
        (wrong(width=0), "width"),
        (wrong(render_mode="depth"), "render_mode"),
        (wrong(rasterize_mode="smooth"), "rasterize_mode"),
        (wrong(tile_size=8), "tile_size"),
        (wrong(camera_model="fisheye"), "camera_model"),
        (wrong(covars=torch.rand(80, 3, 3)), "covars"),
        (wrong(sparse_grad=True), "sparse_grad"),
        (wrong(distributed=True), "distributed"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else value,
)
def test_what_does_not_fit_is_told_in_a_sentence(scene_of, changes, told):
    scene = scene_of()
    given = {name: value for name, value in vars(scene).items()}
    with pytest.raises(ValueError, match=told) as error:
        rasterization(**(given | changes))
    text = str(error.value)
    assert text.endswith(".")
    assert "\n" not in text


# CUDA


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("mode", ["RGB", "RGB+ED"])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("rasterize_mode", ["classic", "antialiased"])
def test_cuda_agrees(scene_of, mode, packed, rasterize_mode):
    results = []
    for device in ("cpu", "cuda"):
        scene = scene_of(2000, width=200, height=130, cameras=2, sh_degree=3, seed=18)
        tensors = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in vars(scene).items()}
        scene = replace(scene, **tensors).leaves()
        picture, accumulation, meta = rasterization(
            *scene.arguments, sh_degree=3, render_mode=mode, packed=packed, rasterize_mode=rasterize_mode, absgrad=True
        )
        meta["means2d"].retain_grad()
        (picture.square().sum() + accumulation.sum()).backward()
        gradients = scene.gradients() | {"absgrad": meta["means2d"].absgrad}
        results.append((picture.cpu(), accumulation.cpu(), {k: v.cpu() for k, v in gradients.items()}))
    ours, theirs = results
    # gsplat cuts a Gaussian off at three standard deviations, where it still has up to 1 % of its opacity
    assert (ours[0] - theirs[0]).abs().mean() <= 1e-3
    assert (ours[1] - theirs[1]).abs().mean() <= 1e-3
    for name, gradient in ours[2].items():
        assert (gradient - theirs[2][name]).norm() <= 2e-2 * theirs[2][name].norm(), name
