"""Where pictures show points, and the visual hull of masks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from PIL import Image

from editor3d.datasets import load_posed_images
from editor3d.errors import RegionError
from editor3d.geometry.camera import Camera
from editor3d.geometry.lens import Lens
from editor3d.plugin.confine.regions import hull_holds
from editor3d.plugin.views.rays import LensTable, camera_rays
from editor3d.regions import HullRegion, Sphere

LENSES = {
    "pinhole": (None, CameraType.PERSPECTIVE),
    "distorted": (torch.tensor([[0.12, -0.05, 0.01, 0.0, 0.01, -0.02]]), CameraType.PERSPECTIVE),
    "barrel": (torch.tensor([[-0.25, 0.0, 0.0, 0.0, 0.0, 0.0]]), CameraType.PERSPECTIVE),
    "fisheye": (torch.tensor([[0.05, 0.01, 0.0, 0.0, 0.0, 0.0]]), CameraType.FISHEYE),
}
BALL = Sphere((0.1, -0.05, 0.2), 0.3)


def looking(backs: list[list[float]], side: int, distance: float = 2.0, kind: str = "pinhole") -> Cameras:
    """Cameras at distance * back, looking at the origin."""
    poses = []
    for direction in backs:
        back = torch.nn.functional.normalize(torch.tensor(direction), dim=0)
        right = torch.nn.functional.normalize(torch.linalg.cross(torch.tensor([0.0, 0.0, 1.0]), back), dim=0)
        poses.append(torch.stack([right, torch.linalg.cross(back, right), back, back * distance], 1))
    distortion, camera_type = LENSES[kind]
    distortion = None if distortion is None else distortion.expand(len(backs), 6)
    focal = 1.1 * side
    return Cameras(
        torch.stack(poses), focal, focal, side / 2, side / 2, side, side, distortion, camera_type=camera_type
    )


THREE = [[1.0, 0.1, 0.1], [0.1, 1.0, 0.2], [0.2, 0.3, 1.0]]


def masks_of(cameras: Cameras, region: Sphere) -> dict[int, torch.Tensor]:
    """Pixels whose ray meets the ball."""
    masks = {}
    for index in range(len(cameras)):
        rays = camera_rays(cameras, index, LensTable(), "cpu")
        offset = torch.tensor(region.center) - rays.origins
        along = (offset * rays.directions).sum(-1)
        beside = (offset - along[:, None] * rays.directions).norm(dim=-1)
        lens = Lens.of(cameras, index)
        masks[index] = ((along > 0) & (beside <= region.radius)).view(lens.height, lens.width)
    return masks


@pytest.mark.parametrize("kind", LENSES)
def test_a_point_is_shown_by_the_pixel_whose_ray_it_lies_on(kind):
    cameras = looking([[1.0, 0.2, 0.3]], 40, kind=kind)
    rays = camera_rays(cameras, 0, LensTable(), "cpu")
    points = rays.origins + rays.directions * torch.linspace(0.5, 4.0, len(rays.origins))[:, None]
    pixels, held = Camera.of(cameras, 0).pixels(points)
    y, x = torch.meshgrid(torch.arange(40) + 0.5, torch.arange(40) + 0.5, indexing="ij")
    assert held.float().mean() > 0.95  # in the corners a lens may fold over
    wanted = torch.stack([x.flatten(), y.flatten()], -1)
    assert torch.allclose(pixels[held].float(), wanted[held], atol=2e-3)


@pytest.mark.parametrize("kind", LENSES)
def test_what_is_behind_a_camera_or_beyond_its_rim_is_in_no_picture(kind):
    cameras = looking([[1.0, 0.0, 0.0]], 40, kind=kind)
    behind = torch.tensor([[3.0, 0.0, 0.0], [4.0, 0.5, 0.2], [2.5, -0.1, 0.0]])
    aside = torch.tensor([[1.99, 5.0, 0.0], [1.99, 0.0, 9.0]])
    assert not Camera.of(cameras, 0).pixels(torch.cat([behind, aside]))[1].any()


@pytest.mark.parametrize("kind", ["pinhole", "distorted", "fisheye"])
@pytest.mark.parametrize("side", [64, 128, 256])
def test_the_hull_of_a_ball_is_that_of_its_cones(kind, side):
    """The exact hull: points that lie in all three cones round the ball."""
    cameras = looking(THREE, side, kind=kind)
    points = torch.tensor(BALL.center) + (torch.rand(60_000, 3, generator=torch.Generator().manual_seed(1)) - 0.5)
    exact = torch.ones(len(points), dtype=torch.bool)
    for pose in cameras.camera_to_worlds:
        axis, ray = torch.tensor(BALL.center) - pose[:, 3], points - pose[:, 3]
        cosine = (ray * axis).sum(-1) / ray.norm(dim=-1) / axis.norm()
        exact &= torch.asin(BALL.radius / axis.norm()) >= torch.acos(cosine.clamp(-1, 1))
    found = hull_holds(points, cameras, masks_of(cameras, BALL))
    iou = (found & exact).sum() / (found | exact).sum()
    print(f"hull of a ball, {kind} at {side}x{side}: IoU {iou:.3f}")
    assert iou >= (0.95 if side > 64 else 0.92)
    assert found[BALL.contains(points) & (Sphere(BALL.center, 0.27).contains(points))].all()


def test_masks_without_anything_in_common_have_an_empty_hull():
    cameras = looking(THREE, 64)
    masks = masks_of(cameras, BALL)
    masks[2] = torch.zeros_like(masks[2])
    masks[2][:3, :3] = True
    points = torch.rand(5000, 3) * 2 - 1
    assert not hull_holds(points, cameras, masks).any()


def test_one_mask_is_no_hull(tiny_capture, tmp_path):
    posed = load_posed_images(tiny_capture)
    for count, view in enumerate(posed.train_views[:2]):
        if count:
            HullRegion(tmp_path)
        whole = np.full((view.height, view.width), 255, np.uint8)
        Image.fromarray(whole).save(tmp_path / f"{view.name}.png")
        if count == 0:
            with pytest.raises(RegionError, match="at least 2"):
                HullRegion(tmp_path).check(posed)
    HullRegion(tmp_path).check(posed)


@pytest.mark.parametrize("kind", LENSES)
def test_what_a_pixel_shows_at_its_depth_is_found_again_in_it(kind):
    camera = Camera.of(looking([[1.0, 0.2, 0.3]], 40, kind=kind), 0, scale=0.5)
    depth = torch.linspace(1.0, 8.0, 1600).view(40, 40)
    pixels, found = camera.project(camera.points(depth).reshape(-1, 3))
    held = found > 0
    y, x = torch.meshgrid(torch.arange(40) + 0.5, torch.arange(40) + 0.5, indexing="ij")
    assert held.float().mean() > 0.95
    assert torch.allclose(found[held].float(), depth.flatten()[held], rtol=1e-5)
    assert torch.allclose(pixels[held].float(), torch.stack([x.flatten(), y.flatten()], -1)[held], atol=2e-3)
