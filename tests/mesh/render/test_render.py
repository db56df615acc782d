"""Pictures of a mesh and their gradients, beside plain PyTorch3D."""

from __future__ import annotations

import importlib.util
import math
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from editor3d.errors import ConfigError, DeviceError
from editor3d.metrics.image import psnr
from lab.references.mesh import pytorch3d_pictures
from mesh.render import pytorch3d
from mesh.render.cameras import ViewSettings, cameras_at, cameras_round
from mesh.render.gather import add_rows, sum_rows, take_rows
from mesh.render.render import LightSettings, bounded, compose, shade, vertex_normals
from mesh.render.visibility import _can_rasterize, _cast, _rasterized, find_hits

needs_pytorch3d = pytest.mark.skipif(
    importlib.util.find_spec("pytorch3d") is None,
    reason="no PyTorch3D: pip install 'editor3d[pytorch3d]'",
)

HEADLIGHT = LightSettings(0.2, (((0.3, 0.5, 1.0), 0.9),), "camera")


@pytest.fixture(scope="module")
def bumpy(ball):
    """Vertices [V, 3], faces, colours of a bumpy ball, and two cameras."""
    sphere = ball(3)
    rng = np.random.default_rng(1)
    vertices = np.asarray(sphere.vertices) * (1 + 0.1 * rng.random((len(sphere.vertices), 1))) / 1.1
    cameras, _ = cameras_round(vertices, ViewSettings(train=2, held_out=0, side=48))
    colors = torch.from_numpy(rng.random((len(vertices), 3)) * 0.4).float()
    return torch.from_numpy(vertices).float(), torch.from_numpy(np.array(sphere.faces)), colors, cameras


def drawn(vertices, faces, colors, cameras, lights):
    shading = shade(vertices, faces, find_hits(vertices, faces, cameras), lights)
    pixels = bounded(shading.interpolate(colors, faces) * shading.light)
    return compose(shading.hits, pixels, torch.ones(3))


@needs_pytorch3d
@pytest.mark.parametrize("lights", [LightSettings(), HEADLIGHT], ids=["studio", "headlight"])
def test_pictures_and_gradients_are_those_of_pytorch3d(bumpy, lights):
    vertices, faces, colors, cameras = bumpy
    leaves = [vertices.clone().requires_grad_(), colors.clone().requires_grad_()]
    pictures = [draw(leaves[0], faces, leaves[1], cameras, lights) for draw in (drawn, pytorch3d_pictures)]
    assert pictures[0].shape == (2, 48, 48, 3)
    assert psnr(pictures[0].flatten(0, 1), pictures[1].flatten(0, 1)) > 50
    pull = torch.randn(pictures[0].shape, generator=torch.Generator().manual_seed(0))
    gradients = [torch.autograd.grad((picture * pull).sum(), leaves) for picture in pictures]
    for ours, theirs in zip(*gradients, strict=True):
        assert (ours - theirs).norm() < 0.01 * theirs.norm()


@needs_pytorch3d
def test_the_rasterizer_and_the_rays_see_the_same_triangles(bumpy):
    vertices, faces, _, cameras = bumpy
    cast = _cast(vertices, faces, *cameras.rays())
    rasterized = _rasterized(vertices, faces, cameras)
    assert cast.shape == rasterized.shape == (2 * 48 * 48,)
    assert (cast >= 0).float().mean() > 0.3
    assert (cast == rasterized).float().mean() > 0.999  # but where a ray meets an edge


@pytest.fixture
def without_pytorch3d(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "pytorch3d"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pytorch3d", None)
    pytorch3d.missing.cache_clear()
    _can_rasterize.cache_clear()
    yield
    pytorch3d.missing.cache_clear()
    _can_rasterize.cache_clear()


@pytest.mark.usefixtures("without_pytorch3d")
def test_what_needs_pytorch3d_says_which_command_brings_it(bumpy, capsys):
    vertices, faces, colors, cameras = bumpy
    for use in (lambda: pytorch3d_pictures(vertices, faces, colors, cameras, HEADLIGHT), cameras.to_pytorch3d):
        with pytest.raises(DeviceError, match=r"not installed: run `pip install 'editor3d\[pytorch3d\]'`"):
            use()
    assert not _can_rasterize()
    assert not _can_rasterize()
    assert capsys.readouterr().err.count("pip install 'editor3d[pytorch3d]'") == 1
    assert len(find_hits(vertices, faces, cameras).pixel)


@pytest.mark.parametrize("error", [ImportError, OSError], ids=lambda error: error.__name__)
def test_pytorch3d_of_another_torch_is_told_from_none(error, without_pytorch3d, monkeypatch):
    def find_spec(name, *_):
        if name == "pytorch3d":
            raise error("_C.so: undefined symbol: _ZN3c10\nand more")

    monkeypatch.delitem(sys.modules, "pytorch3d")
    monkeypatch.setattr(sys, "meta_path", [type("Finder", (), {"find_spec": staticmethod(find_spec)}), *sys.meta_path])
    assert pytorch3d.missing() == "not built for this torch (_C.so: undefined symbol: _ZN3c10)"


def test_the_vertex_gradient_is_the_slope(bumpy):
    vertices, faces, colors, cameras = bumpy
    moved = vertices.double().requires_grad_()
    hits = find_hits(vertices, faces, cameras)
    hits = replace(hits, origin=hits.origin.double(), direction=hits.direction.double())

    def loss(points):
        shading = shade(points, faces, hits, LightSettings())
        return (shading.interpolate(colors.double(), faces) * shading.light).square().sum()

    (gradient,) = torch.autograd.grad(loss(moved), moved)
    step = torch.randn(vertices.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    slope = (loss(vertices.double() + 1e-7 * step) - loss(vertices.double() - 1e-7 * step)) / 2e-7
    assert float((gradient * step).sum()) == pytest.approx(float(slope), rel=1e-3)


def test_a_camera_sees_what_is_in_front_of_it_the_right_way_up():
    vertices = torch.tensor(
        [[0.0, 0.5, 0.0], [0.1, 0.5, 0.0], [0.0, 0.6, 0.0], [0.5, -0.1, 0.0], [0.6, 0.0, 0.0], [0.5, 0.1, 0.0]]
    )
    faces = torch.tensor([[0, 1, 2], [3, 4, 5]])
    settings = ViewSettings(side=64)
    cameras = cameras_at(np.zeros(1), np.zeros(1), settings, 64.0)
    hits = find_hits(vertices, faces, cameras)
    rows, columns = hits.pixel // 64, hits.pixel % 64
    assert (rows[hits.face == 0] < 30).all()  # up is up
    assert (columns[hits.face == 1] > 34).all()  # x is right, seen from +z
    assert set(hits.face.tolist()) == {0, 1}


def test_a_sheet_is_lit_from_both_sides():
    vertices = torch.tensor([[-1.0, -1, 0], [1, -1, 0], [0, 1, 0]])
    cameras = cameras_at(np.array([0.0, math.pi]), np.zeros(2), ViewSettings(side=32), 32.0)
    lights = LightSettings(0.0, (((0.0, 0.0, 1.0), 1.0),), "camera")
    for faces in (torch.tensor([[0, 1, 2]]), torch.tensor([[0, 2, 1]])):
        shading = shade(vertices, faces, find_hits(vertices, faces, cameras), lights)
        assert set(shading.hits.view.tolist()) == {0, 1}
        assert torch.allclose(shading.light, torch.ones_like(shading.light), atol=1e-6)


def test_held_out_views_are_apart_and_everything_is_in_the_picture(bumpy):
    vertices, faces, _, _ = bumpy
    settings = ViewSettings(train=10, held_out=3, side=64)
    train, held_out = cameras_round(vertices.double().numpy(), settings)
    assert (len(train), len(held_out)) == (10, 3)
    directions = np.concatenate([train.c2ws, held_out.c2ws])[:, :, 2]
    cosines = directions @ directions.T - 2 * np.eye(13)
    assert cosines.max() < math.cos(math.radians(10))
    for cameras in (train, held_out):
        mask = find_hits(vertices, faces, cameras).mask()
        assert not mask[:, [0, -1]].any()
        assert not mask[:, :, [0, -1]].any()
        assert mask.float().mean() > 0.3


def test_bounded_values_find_their_way_back():
    values = torch.tensor([-0.5, 0.5, 1.5, -0.5, 1.5], requires_grad=True)
    (gradient,) = torch.autograd.grad((bounded(values) * torch.tensor([-1.0, 1, 1, 1, -1])).sum(), values)
    assert torch.equal(bounded(values), torch.tensor([0.0, 0.5, 1.0, 0.0, 1.0]))
    assert gradient.tolist() == [-1, 1, 1, 0, 0]  # descending leads back where it is not 0


def test_rows_are_taken_and_summed():
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(7, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    index = torch.randint(7, (4, 5), generator=generator)
    assert torch.equal(take_rows(table, index), table[index])
    assert torch.autograd.gradcheck(lambda t: take_rows(t, index), table)
    rows = torch.randn(20, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    expected = torch.zeros(7, 3, dtype=torch.float64).index_add(0, index.flatten(), rows)
    assert torch.allclose(add_rows(7, index.flatten(), rows.detach()), expected)
    assert torch.autograd.gradcheck(lambda r: sum_rows(r, index.flatten(), 7), rows)


def test_normals_of_a_ball_point_outwards(ball):
    sphere = ball(3)
    vertices = torch.from_numpy(np.array(sphere.vertices)).float()
    normals = vertex_normals(vertices, torch.from_numpy(np.array(sphere.faces)))
    assert (normals * vertices).sum(-1).min() > 0.999


@pytest.mark.parametrize(
    "make",
    [
        lambda: ViewSettings(train=0),
        lambda: ViewSettings(up=(0, 0, 0)),
        lambda: ViewSettings(elevations=(50, 20)),
        lambda: ViewSettings(field_of_view=180),
        lambda: LightSettings(-0.1),
        lambda: LightSettings(0.0, ()),
        lambda: LightSettings(1.0, (((0, 0, 0), 1.0),)),
    ],
)
def test_settings_out_of_range_are_refused(make):
    with pytest.raises(ConfigError):
        make()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_draws_the_same_pictures(bumpy):
    vertices, faces, colors, cameras = bumpy
    ours = drawn(vertices, faces, colors, cameras, LightSettings())
    shading = shade(vertices.cuda(), faces.cuda(), find_hits(vertices.cuda(), faces.cuda(), cameras), LightSettings())
    pixels = bounded(shading.interpolate(colors.cuda(), faces.cuda()) * shading.light)
    theirs = compose(shading.hits, pixels, torch.ones(3)).cpu()
    assert psnr(ours.flatten(0, 1), theirs.flatten(0, 1)) > 50


def test_what_a_pixel_shows_at_its_depth_is_found_again_in_it():
    settings = ViewSettings(train=2, held_out=0, side=24)
    cameras, _ = cameras_round(np.array([[1.0, 0.0, 0.0], [-0.5, 0.8, 0.1], [0.0, -0.6, 0.7]]), settings)
    camera = cameras.camera(1)
    depth = torch.linspace(1.0, 4.0, 24 * 24).view(24, 24)
    pixels, found = camera.project(camera.points(depth).reshape(-1, 3))
    y, x = torch.meshgrid(torch.arange(24) + 0.5, torch.arange(24) + 0.5, indexing="ij")
    assert torch.allclose(found.float(), depth.flatten(), rtol=1e-5)
    assert torch.allclose(pixels.float(), torch.stack([x.flatten(), y.flatten()], -1), atol=1e-3)
    behind = 2 * torch.from_numpy(cameras.c2ws[1][:, 3]) - camera.points(depth).reshape(-1, 3)
    assert not camera.project(behind)[1].any()
