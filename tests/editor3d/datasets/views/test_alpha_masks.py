"""Alpha as a mask: in a mask's own picture, and in photographs that are still there below it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from editor3d.datasets import load_posed_images
from editor3d.datasets.views.headers import inspect_picture
from editor3d.datasets.views.images import masks_itself, read_image, read_mask

from ..conftest import SIZE
from .test_read_images import block_mean, make_view

INSIDE = np.zeros((12, 20), bool)
INSIDE[:, 10:] = True


def as_mask(mode: str, inside: np.ndarray = INSIDE) -> Image.Image:
    """A picture whose alpha is 255 inside and 0 outside, of one colour."""
    colour = Image.new("L", inside.shape[::-1], 0 if mode.startswith("black") else 255)
    alpha = Image.fromarray(inside.astype(np.uint8) * 255)
    if mode.endswith("palette"):
        picture = Image.fromarray(inside.astype(np.uint8)).convert("P")
        picture.putpalette([9, 9, 9, 255, 255, 255])
        return picture
    picture = colour.convert("LA" if mode.endswith("LA") else "RGBA")
    picture.putalpha(alpha)
    return picture


@pytest.mark.parametrize("mode", ["white RGBA", "white LA", "black RGBA", "black LA", "palette"])
def test_what_is_transparent_in_a_mask_is_outside(tmp_path: Path, mode: str) -> None:
    as_mask(mode).save(tmp_path / "m.png", **({"transparency": 0} if mode == "palette" else {}))
    view = make_view(20, 12, mask_path=tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(view).numpy(), INSIDE)
    np.testing.assert_array_equal(read_mask(view, (10, 6)).numpy(), block_mean(INSIDE, 2) >= 0.5)


def test_black_and_transparent_are_both_outside(tmp_path: Path) -> None:
    pixels = np.full((12, 20, 4), 255, np.uint8)
    pixels[:6, :, :3] = 0
    pixels[:, :10, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "m.png")
    mask = read_mask(make_view(20, 12, mask_path=tmp_path / "m.png")).numpy()
    assert mask[6:, 10:].all()
    assert mask.sum() == 60


def test_a_wholly_transparent_mask_allows_nothing(tmp_path: Path) -> None:
    Image.new("RGBA", (20, 12), (255, 255, 255, 0)).save(tmp_path / "m.png")
    assert not read_mask(make_view(20, 12, mask_path=tmp_path / "m.png")).any()


def photograph(rng: np.random.Generator, alpha: np.ndarray, hidden: int | None = None) -> Image.Image:
    """Noise under alpha [H, W] uint8; with one grey below alpha 0 where `hidden` is given."""
    pixels = rng.integers(0, 256, (*alpha.shape, 4), dtype=np.uint8)
    pixels[..., 3] = alpha
    if hidden is not None:
        pixels[alpha == 0, :3] = hidden
    return Image.fromarray(pixels)


HALF = INSIDE.astype(np.uint8) * 255
BIRD = np.full((1200, 1600), 255, np.uint8)
BIRD[700:708, 300:310] = 0
SOFT = np.tile(np.linspace(0, 255, 20).astype(np.uint8), (12, 1))


@pytest.mark.parametrize(
    ("alpha", "hidden", "suffix", "expected"),
    [
        (HALF, None, "png", "kept"),
        (HALF, None, "tiff", "kept"),
        (HALF, 0, "png", "cleared"),
        (HALF, 255, "png", "cleared"),
        (SOFT, None, "png", "soft"),
        (BIRD, None, "png", "kept"),
        (HALF, None, "webp", "cleared"),
        (np.full((12, 20), 255, np.uint8), None, "png", "none"),
    ],
)
def test_what_the_alpha_of_a_photograph_means(
    tmp_path: Path, alpha: np.ndarray, hidden: int | None, suffix: str, expected: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    photograph(np.random.default_rng(0), alpha, hidden).save(path, **({"lossless": True} if suffix == "webp" else {}))
    assert inspect_picture(path).alpha == expected


def rewrite(folder: Path, hidden: int | None, opaque: int = 0) -> None:
    """Give the pictures of a capture alpha, but for some that stay as they are."""
    rng = np.random.default_rng(3)
    for path in sorted(folder.glob("*.png"))[opaque:]:
        with Image.open(path) as picture:
            width, height = picture.size
        alpha = np.full((height, width), 255, np.uint8)
        alpha[:, : width // 2] = 0
        photograph(rng, alpha, hidden).save(path)


@pytest.mark.parametrize("opaque", [0, 2])
def test_photographs_that_are_still_there_are_masked_by_their_alpha(write_capture, opaque: int) -> None:
    path = write_capture(count=8)
    images = load_posed_images(path).views[0].image_path.parent
    rewrite(images, None, opaque)
    views = sorted(load_posed_images(path).views, key=lambda view: view.image_path)
    assert all(masks_itself(view) for view in views)
    for index, view in enumerate(views):
        mask = read_mask(view).numpy()
        if index < opaque:
            assert mask.all()
            continue
        assert not mask[:, : view.width // 2].any()
        assert mask[:, view.width // 2 :].all()
        with Image.open(view.image_path) as picture:
            np.testing.assert_array_equal(read_image(view).numpy(), np.asarray(picture)[..., :3])


def test_cut_out_photographs_lie_on_white(write_capture) -> None:
    path = write_capture(count=8)
    images = load_posed_images(path).views[0].image_path.parent
    rewrite(images, 0)
    for view in load_posed_images(path).views:
        assert view.mask_path is None
        assert (read_image(view).numpy()[:, : view.width // 2] == 255).all()


@pytest.mark.parametrize(("cleared", "masked"), [(1, True), (3, True), (4, False), (7, False)])
def test_most_photographs_decide_for_all(write_capture, cleared: int, masked: bool) -> None:
    path = write_capture(count=8)
    images = load_posed_images(path).views[0].image_path.parent
    rewrite(images, None)
    for picture in sorted(images.glob("*.png"))[:cleared]:
        Image.new("RGBA", SIZE, (7, 7, 7, 0)).save(picture)
    assert [masks_itself(view) for view in load_posed_images(path).views] == [masked] * 8


def test_one_soft_edge_makes_all_of_them_cut_out(write_capture) -> None:
    path = write_capture(count=8)
    images = load_posed_images(path).views[0].image_path.parent
    rewrite(images, None)
    Image.new("RGBA", SIZE, (7, 7, 7, 128)).save(sorted(images.glob("*.png"))[-1])
    assert all(view.mask_path is None for view in load_posed_images(path).views)


def test_a_capture_that_has_masks_keeps_them(write_capture) -> None:
    def name_masks(data: dict) -> None:
        for frame in data["frames"]:
            frame["mask_path"] = "mask.png"

    path = write_capture(count=8, change=name_masks)
    Image.new("L", SIZE, 255).save(path.parent / "mask.png")
    rewrite(path.parent / "images", None)
    views = load_posed_images(path).views
    assert {view.mask_path for view in views} == {path.parent / "mask.png"}
    assert (read_image(views[0]).numpy()[:, : views[0].width // 2] == 255).all()
