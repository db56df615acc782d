"""Shapes that functions state are checked where tests call them: see `SHAPES_CHECKED` of conftest.py."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from importlib import import_module

import pytest
import torch
from jaxtyping import TypeCheckError
from torch import Tensor

from editor3d.geometry.camera import Camera
from editor3d.geometry.lens import Lens, undistorted
from editor3d.geometry.matching import Match, warp
from editor3d.metrics.image import luminance, psnr
from editor3d.metrics.views import HeldOutView
from editor3d.plugin.views.rays import bundle
from editor3d.regions import Box
from editor3d.srgb import to_linear, to_srgb
from editor3d.types import EditRequest, Garment, ObjectFrame, Reference, ViewGeometry
from gaussian.fit.losses import photometric
from mesh.render.render import vertex_normals
from nerf_methods.spatial_loss import spatial_loss

PICTURE = torch.zeros(4, 5, 3)
CAMERA = Camera(Lens(5, 4, 6.0, 6.0, 2.5, 2.0), torch.eye(4, dtype=torch.float64)[:3])
MATCH = Match(torch.zeros(4, 5, 2), torch.zeros(4, 5), (5, 4))
RAYS, ORIGIN, BOX = torch.zeros(7, 3), torch.zeros(3, dtype=torch.float64), Box((0, 0, 0), (1, 1, 1))
DENSITY, RGB, WEIGHTS = torch.zeros(7, 1), torch.zeros(7, 3), torch.zeros(7, 1)


@pytest.mark.parametrize(
    "call",
    [
        lambda: luminance(PICTURE[..., 0]),
        lambda: to_linear(PICTURE),
        lambda: to_srgb(PICTURE.byte().numpy()),
        lambda: bundle(RAYS, RAYS, pixel_area=RAYS, camera_indices=RAYS[:, :1].long(), local=RAYS),
        lambda: EditRequest("a", "make it night", PICTURE[..., 0]),
        lambda: EditRequest("a", "make it night", PICTURE, mask=PICTURE[..., 0]),
        lambda: EditRequest("a", "make it night", PICTURE, objects={"ball": PICTURE[:2, :, 0] > 0}),
        lambda: Reference(PICTURE, "anchor", mask=PICTURE > 0),
        lambda: Garment(PICTURE, PICTURE[:, 1:, 0] > 0, digest=""),
        lambda: ViewGeometry(ORIGIN, PICTURE, PICTURE, BOX, ORIGIN, ORIGIN, ORIGIN),
        lambda: ObjectFrame(ORIGIN, torch.eye(2).double(), 1.0, 0.5),
        lambda: psnr(PICTURE, PICTURE.transpose(0, 1)),
        lambda: psnr(PICTURE, PICTURE, torch.ones(5, 4, dtype=torch.bool)),
        lambda: psnr(PICTURE, PICTURE, torch.ones(4, 5)),
        lambda: HeldOutView("a", PICTURE, PICTURE, PICTURE.permute(2, 0, 1)),
        lambda: HeldOutView("a", PICTURE, PICTURE, PICTURE, base_depth=PICTURE),
        lambda: CAMERA.points(torch.ones(4, 5, 1)),
        lambda: CAMERA.project(torch.ones(3)),
        lambda: warp(PICTURE[..., 0], MATCH),
        lambda: photometric(PICTURE, PICTURE.permute(2, 0, 1), 0.2),
        lambda: vertex_normals(torch.zeros(6, 2), torch.zeros(1, 3, dtype=torch.long)),
        lambda: vertex_normals(torch.zeros(6, 3), torch.zeros(1, 3)),
        lambda: spatial_loss(DENSITY, RGB, WEIGHTS, DENSITY, RGB[:, :2], WEIGHTS, torch.ones(7, dtype=torch.bool)),
    ],
)
def test_another_shape_is_refused(call: Callable[[], Tensor]) -> None:
    with pytest.raises(TypeCheckError):
        call()


def test_what_is_stated_passes() -> None:
    assert luminance(PICTURE).shape == (4, 5)
    assert to_srgb(to_linear(PICTURE.numpy())).shape == (4, 5, 3)
    assert len(bundle(RAYS, RAYS, pixel_area=RAYS[:, :1], camera_indices=RAYS[:, :1].long(), local=RAYS)) == 7
    inside = PICTURE[..., 0] > 0
    assert EditRequest("a", "make it night", PICTURE, PICTURE, {"ball": inside}, inside).references == ()
    assert Reference(PICTURE, "anchor", inside).mask is Garment(PICTURE, inside, digest="").mask
    assert ViewGeometry(ORIGIN, PICTURE, PICTURE[..., 0], BOX, ORIGIN, ORIGIN, ORIGIN).region is BOX
    assert HeldOutView("a", PICTURE, PICTURE, PICTURE, base_depth=PICTURE[..., 0]).kept is None
    assert CAMERA.points(torch.ones(4, 5)).shape == (4, 5, 3)
    assert warp(PICTURE, MATCH).shape == (4, 5, 3)
    assert vertex_normals(torch.eye(3), torch.tensor([[0, 1, 2]])).shape == (3, 3)


def test_checks_draw_nothing_from_the_processs_generator() -> None:
    before = random.getstate()
    assert undistorted(torch.zeros(2, 2).double().numpy(), (0.1, 0.0, 0.0, 0.0, 0.0, 0.0)).shape == (2, 2)
    assert random.getstate() == before


def test_every_checked_module_states_shapes(request: pytest.FixtureRequest) -> None:
    conftest = next(
        module for module in request.config.pluginmanager.get_plugins() if hasattr(module, "SHAPES_CHECKED")
    )
    for name in conftest.SHAPES_CHECKED:
        import_module(name)
        assert "jaxtyping" in vars(sys.modules[name]), name
