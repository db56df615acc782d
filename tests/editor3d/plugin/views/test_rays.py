"""Rays looked up by lens are nerfstudio's own; draws stay inside pictures and masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from PIL import Image

from editor3d.errors import DataError
from editor3d.geometry.lens import Lens
from editor3d.plugin.train.datamanager import PixelStore
from editor3d.plugin.train.pictures import TrainingPictures
from editor3d.plugin.views.rays import LensTable, camera_rays
from editor3d.types import Intrinsics, View

SIZES = [(24, 20), (13, 31), (24, 20), (40, 9)]
PLAIN = (0.0,) * 6
LENSES = {
    "pinhole": (CameraType.PERSPECTIVE, PLAIN),
    "radial": (CameraType.PERSPECTIVE, (0.08, -0.03, 0.004, 0.0, 0.0, 0.0)),
    "radial and tangential": (CameraType.PERSPECTIVE, (-0.12, 0.05, -0.01, 0.0, 0.003, -0.002)),
    "all six": (CameraType.PERSPECTIVE, (0.06, -0.02, 0.003, 0.001, -0.002, 0.001)),
    "fisheye": (CameraType.FISHEYE, PLAIN),
    "distorted fisheye": (CameraType.FISHEYE, (0.03, -0.01, 0.002, -0.0005, 0.0, 0.0)),
}


def cameras_of(kind: str) -> Cameras:
    """Four cameras of several sizes with one kind of lens, turned and moved."""
    camera_type, distortion = LENSES[kind]
    generator = torch.Generator().manual_seed(2)
    rotations = torch.linalg.qr(torch.randn(4, 3, 3, generator=generator))[0]
    return Cameras(
        camera_to_worlds=torch.cat([rotations, torch.randn(4, 3, 1, generator=generator)], -1),
        fx=torch.tensor([[22.0], [25.0], [22.0], [30.0]]),
        fy=torch.tensor([[21.0], [26.0], [21.0], [29.0]]),
        cx=torch.tensor([[11.5], [6.0], [11.5], [20.5]]),
        cy=torch.tensor([[10.25], [15.0], [10.25], [4.0]]),
        width=torch.tensor([[w] for w, _ in SIZES]),
        height=torch.tensor([[h] for _, h in SIZES]),
        distortion_params=torch.tensor([distortion]).expand(4, 6).clone(),
        camera_type=torch.tensor([[camera_type.value]] * 4),
    )


def views_of(sizes=SIZES, mask_paths=None) -> list[View]:
    mask_paths = mask_paths or [None] * len(sizes)
    return [
        View(
            name=f"v{i}",
            image_path=Path(f"v{i}.png"),
            split="train",
            c2w=np.eye(4)[:3],
            mask_path=mask,
            **vars(Intrinsics(w, h, 1, 1, 1, 1)),
        )
        for i, ((w, h), mask) in enumerate(zip(sizes, mask_paths, strict=True))
    ]


def store_of(kind: str = "pinhole", rays: int = 4000, patch: int = 1, masks=None) -> PixelStore:
    pictures = TrainingPictures(views_of(mask_paths=masks), cameras_of(kind))
    pictures.pixels.copy_(torch.randint(256, pictures.pixels.shape, generator=torch.Generator().manual_seed(0)))
    return PixelStore(pictures, cameras_of(kind), rays, patch, "cpu")


@pytest.mark.parametrize("kind", LENSES)
def test_whole_pictures_have_nerfstudios_rays(kind):
    cameras, table = cameras_of(kind), LensTable()
    for index in range(4):
        own, reference = camera_rays(cameras, index, table, "cpu"), cameras.generate_rays(index)
        reference = reference.flatten()
        assert torch.allclose(own.origins, reference.origins, atol=1e-6)
        assert (own.directions - reference.directions).abs().max() < 1e-5
        if kind == "pinhole":  # elsewhere nerfstudio takes the length before its own bending of the lens
            norm = reference.metadata["directions_norm"]
            assert torch.allclose(own.metadata["directions_norm"], norm, rtol=1e-5)


@pytest.mark.parametrize("kind", LENSES)
@pytest.mark.parametrize("patch", [1, 4])
def test_drawn_rays_are_nerfstudios_and_carry_their_pixel(kind, patch):
    cameras, store = cameras_of(kind), store_of(kind, patch=patch)
    rays, batch = store.draw(torch.Generator().manual_seed(5))
    view, y, x = batch["indices"].unbind(-1)
    reference = cameras.generate_rays(view[:, None], torch.stack([y, x], -1) + 0.5)
    assert (rays.directions - reference.directions).abs().max() < 1e-5
    assert torch.allclose(rays.origins, reference.origins, atol=1e-6)
    assert torch.equal(rays.camera_indices, view[:, None])
    for index in range(4):
        chosen = view == index
        expected = store.pictures[index][y[chosen], x[chosen]].float() / 255.0
        assert torch.equal(batch["image"][chosen], expected)


def test_every_pixel_of_every_size_is_drawn_equally():
    store = store_of(rays=60_000)
    view = store.draw(torch.Generator().manual_seed(0))[1]["indices"][:, 0]
    area = torch.tensor([w * h for w, h in SIZES], dtype=torch.float64)
    share = torch.bincount(view, minlength=4) / len(view)
    assert (share - area / area.sum()).abs().max() < 0.01


@pytest.mark.parametrize("patch", [2, 5, 9])
def test_patches_are_square_and_stay_inside_their_picture(patch):
    store = store_of(rays=patch * patch * 500, patch=patch)
    view, y, x = store.draw(torch.Generator().manual_seed(1))[1]["indices"].view(-1, patch, patch, 3).unbind(-1)
    assert (view == view[:, :1, :1]).all()
    assert torch.equal(y - y[:, :1, :1], torch.arange(patch)[:, None].expand_as(y))
    assert torch.equal(x - x[:, :1, :1], torch.arange(patch).expand_as(x))
    assert (y < store.pictures.heights[view]).all()
    assert (x < store.pictures.widths[view]).all()
    last = (x == store.pictures.widths[view] - 1).any(-1).any(-1) & (y == store.pictures.heights[view] - 1).any(-1).any(
        -1
    )
    assert last.any()  # the far corner is reached


def test_a_patch_larger_than_a_picture_is_refused():
    with pytest.raises(DataError, match="at least 10 pixels"):
        store_of(patch=10)


@pytest.fixture
def masks(tmp_path: Path) -> list[Path]:
    """Masks that leave a rectangle, a left half, nothing, and everything."""
    paths = []
    for index, (width, height) in enumerate(SIZES):
        mask = np.zeros((height, width), np.uint8)
        if index == 0:
            mask[3:9, 5:15] = 255
        elif index == 1:
            mask[:, :7] = 255
        elif index == 3:
            mask[:] = 255
        paths.append(tmp_path / f"{index}.png")
        Image.fromarray(mask).save(paths[-1])
    return paths


@pytest.mark.parametrize("patch", [1, 3, 6])
def test_masked_pixels_are_never_drawn_and_all_others_are(masks, patch):
    store = store_of(rays=20_000 * patch, patch=patch, masks=masks)
    view, y, x = store.draw(torch.Generator().manual_seed(1))[1]["indices"].unbind(-1)
    for index, path in enumerate(masks):
        allowed = np.asarray(Image.open(path)) > 0
        drawn = np.zeros_like(allowed)
        drawn[y[view == index], x[view == index]] = True
        assert np.array_equal(drawn, allowed), index


def test_masks_without_room_for_a_patch_are_refused(masks):
    black = [masks[2].with_name(f"black{i}.png") for i in range(4)]
    for path, (width, height) in zip(black, SIZES, strict=True):
        Image.fromarray(np.eye(height, width, dtype=np.uint8) * 255).save(path)
    assert len(store_of(masks=black).drawn_from)
    with pytest.raises(DataError, match="patches of 2"):
        store_of(patch=2, masks=black)


@pytest.mark.parametrize("distortion", [PLAIN, (0.03, -0.01, 0.002, -0.0005, 0.0, 0.0)])
def test_a_fisheye_sees_behind_itself(distortion):
    lens = Lens(41, 31, 10.0, 10.0, 20.5, 15.5, distortion, fisheye=True)
    directions = lens.directions().view(31, 41, 3).double()
    angle = torch.atan2(directions[..., :2].norm(dim=-1), -directions[..., 2])
    k1, k2, k3, k4 = distortion[:4]
    seen = angle * (1 + k1 * angle**2 + k2 * angle**4 + k3 * angle**6 + k4 * angle**8)
    y, x = torch.meshgrid(torch.arange(31) - 15.0, torch.arange(41) - 20.0, indexing="ij")
    within = torch.hypot(x, y) < 18.5
    assert angle[within].max() > 1.7  # 90 degrees are 1.57
    assert torch.allclose(seen[within], torch.hypot(x, y)[within].double() / 10, atol=1e-5)


def test_a_picture_is_a_window_on_the_pixels():
    store = store_of()
    store.pictures.write(1, torch.full_like(store.pictures[1], 7))
    before, after = int(store.pictures.offsets[1]), int(store.pictures.offsets[2])
    assert (store.pictures.pixels[before:after] == 7).all()
    assert not (store.pictures.pixels[:before] == 7).all()


def test_cameras_of_one_lens_share_their_directions():
    store = store_of()
    assert store.direction_offsets[0] == store.direction_offsets[2]
    assert len(store.directions) == sum(w * h for w, h in [SIZES[0], SIZES[1], SIZES[3]])


def test_directions_are_unit_vectors_through_pixel_centres():
    lens = Lens(4, 2, 2.0, 2.0, 2.0, 1.0)
    directions = lens.directions().view(2, 4, 3)
    assert torch.allclose(directions.norm(dim=-1), torch.ones(2, 4))
    assert torch.allclose(directions[0, 0] / -directions[0, 0, 2], torch.tensor([-0.75, 0.25, -1.0]))
