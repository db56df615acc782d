from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageOps

from editor3d.datasets import load_posed_images
from editor3d.datasets.views.headers import inspect_picture
from editor3d.datasets.views.images import read_depth, read_image, read_mask, read_object_masks
from editor3d.errors import DataError
from editor3d.types import View


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def make_view(width, height, **paths):
    return View(
        name="a",
        image_path=paths.pop("image_path", Path("a.png")),
        split="train",
        width=width,
        height=height,
        fl_x=1.0,
        fl_y=1.0,
        cx=0.0,
        cy=0.0,
        c2w=np.eye(4)[:3],
        **paths,
    )


def block_mean(pixels, factor):
    height, width = pixels.shape[:2]
    blocks = pixels.reshape(height // factor, factor, width // factor, factor, *pixels.shape[2:])
    return blocks.astype(np.float64).mean(axis=(1, 3))


def test_rgb_is_read_bit_for_bit(tmp_path, rng):
    pixels = rng.integers(0, 256, (13, 21, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").numpy(), pixels)


@pytest.mark.parametrize("mode", ["L", "1", "P"])
def test_grey_and_palette_are_shown_as_they_look(tmp_path, rng, mode):
    picture = Image.fromarray(rng.integers(0, 256, (13, 21, 3), dtype=np.uint8)).convert(mode)
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").numpy(), np.asarray(picture.convert("RGB")))


def test_cmyk_jpeg(tmp_path):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    pixels = read_image(tmp_path / "a.jpg").numpy().astype(int)
    assert np.abs(pixels - (255, 0, 0)).max() <= 4


@pytest.mark.parametrize("background", [(1.0, 1.0, 1.0), (0.0, 0.5, 1.0)])
def test_alpha_is_laid_over_the_background(tmp_path, rng, background):
    rgba = rng.integers(0, 256, (13, 21, 4), dtype=np.uint8)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    alpha = rgba[..., 3:] / 255
    expected = rgba[..., :3] * alpha + 255 * np.array(background) * (1 - alpha)
    pixels = read_image(tmp_path / "a.png", background=background).numpy()
    np.testing.assert_allclose(pixels, expected, atol=0.5001)


def test_alpha_can_be_left_out(tmp_path, rng):
    rgba = rng.integers(0, 256, (13, 21, 4), dtype=np.uint8)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", background=None).numpy(), rgba[..., :3])


def test_palette_transparency_is_alpha(tmp_path):
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.putpixel((0, 0), 0)
    picture.save(tmp_path / "a.png", transparency=0)
    pixels = read_image(tmp_path / "a.png", background=(0, 1, 0)).numpy()
    assert pixels[0, 0].tolist() == [0, 255, 0]
    assert pixels[1, 1].tolist() == [255, 0, 0]


@pytest.mark.parametrize(("suffix", "channels"), [("png", 1), ("png", 3), ("png", 4), ("tiff", 1)])
def test_sixteen_bits_are_scaled_and_rounded(tmp_path, rng, suffix, channels):
    pixels = rng.integers(0, 65536, (12, 20, channels), dtype=np.uint16)
    path = tmp_path / f"a.{suffix}"
    cv2.imwrite(str(path), pixels if channels == 1 else pixels[..., [2, 1, 0, 3][:channels]])
    values = pixels.astype(np.float64) / 65535
    expected = np.broadcast_to(values[..., :3], (12, 20, 3))
    if channels == 4:
        expected = expected * values[..., 3:] + 1 - values[..., 3:]
    # What is laid over white is rounded to 16 bits first: up to 0.5 / 257 more.
    np.testing.assert_allclose(read_image(path).numpy(), expected * 255, atol=0.5021)
    # Scaled down before rounding: sixteen bits of the mean survive until then.
    np.testing.assert_allclose(read_image(path, (10, 6)).numpy(), block_mean(expected, 2) * 255, atol=0.503)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_downscaling_takes_the_mean_of_the_area(tmp_path, rng, factor):
    pixels = rng.integers(0, 256, (24, 36, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    small = read_image(tmp_path / "a.png", (36 // factor, 24 // factor)).numpy()
    np.testing.assert_allclose(small, block_mean(pixels, factor), atol=0.51)


def test_odd_sizes_keep_the_overall_mean(tmp_path, rng):
    pixels = rng.integers(0, 256, (37, 53, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    small = read_image(make_view(17, 12, image_path=tmp_path / "a.png"))
    assert small.shape == (12, 17, 3)
    np.testing.assert_allclose(small.numpy().mean(axis=(0, 1)), pixels.mean(axis=(0, 1)), atol=0.5)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path, rng, orientation):
    stored = Image.fromarray(rng.integers(0, 256, (12, 20, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored.save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as picture:
        upright = np.asarray(ImageOps.exif_transpose(picture))
    landscape = make_view(20, 12, image_path=tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(landscape).numpy(), np.asarray(stored))
    np.testing.assert_array_equal(read_image(landscape.image_path).numpy(), np.asarray(stored))
    if orientation >= 5:
        portrait = replace(landscape, width=12, height=20)
        np.testing.assert_array_equal(read_image(portrait).numpy(), upright)
        assert read_image(portrait, (6, 10)).shape == (10, 6, 3)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
@given(kept=st.floats(0.0, 0.98))
@settings(max_examples=25, deadline=None)
def test_a_truncated_picture_is_found(tmp_path_factory, suffix, kept):
    path = tmp_path_factory.mktemp("truncated") / f"whole.{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)).save(path)
    assert inspect_picture(path).size_for(48, 32) == (48, 32)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(DataError, match=f"whole.{suffix} is damaged"):
        inspect_picture(path)
    with pytest.raises(DataError, match=f"whole.{suffix} is damaged"):
        read_image(path)


@pytest.mark.parametrize("size", [(1, 1), (7, 7), (3, 40), (200, 1)])
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff"])
def test_pictures_of_a_few_pixels_are_inspected_and_read(tmp_path, size, suffix):
    Image.new("RGB", size, (255, 255, 255)).save(tmp_path / f"a.{suffix}")
    info = inspect_picture(tmp_path / f"a.{suffix}")
    assert (info.width, info.height) == size
    assert (read_image(tmp_path / f"a.{suffix}").numpy() >= 250).all()


def test_five_bits_a_colour_are_no_sixteen_bits_a_channel(tmp_path):
    header = b"BM" + (54 + 8).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little")
    header += b"".join(value.to_bytes(4, "little") for value in (40, 2, 2)) + bytes([1, 0, 16, 0]) + bytes(24)
    (tmp_path / "a.bmp").write_bytes(header + b"\x1f\x00" * 4)
    assert read_image(tmp_path / "a.bmp").numpy()[0, 0].tolist() == [0, 0, 255]


def test_a_damaged_orientation_tag_is_no_damaged_picture(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    block = exif.tobytes()
    for at in range(6, len(block)):
        broken = bytearray(block)
        broken[at] ^= 0xFF
        Image.new("RGB", (12, 20), (9, 9, 9)).save(tmp_path / "a.jpg", exif=bytes(broken))
        assert read_image(tmp_path / "a.jpg").shape == (20, 12, 3)
        info = inspect_picture(tmp_path / "a.jpg")
        assert (info.width, info.height) == (12, 20)


def test_unknown_depth_is_zero_however_it_is_marked(tmp_path):
    values = np.array([[1.0, np.nan], [np.inf, 2.0]], np.float32)
    Image.fromarray(values).save(tmp_path / "d.tiff")
    depth = read_depth(make_view(2, 2, depth_path=tmp_path / "d.tiff"), 0.5)
    assert depth.tolist() == [[0.5, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize("read", [inspect_picture, read_image])
def test_what_is_no_file_or_too_large_is_told_apart_from_damage(tmp_path, read):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(DataError, match="found a pipe"):
        read(tmp_path / "pipe.png")
    (tmp_path / "large.png").write_bytes(b"P6 30000 30000 255\n" + bytes(64))
    with pytest.raises(DataError, match="too large to be read .*scale it down"):
        read(tmp_path / "large.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(DataError, match="one of PNG, JPEG"):
        read(tmp_path / "text.png")


def test_a_truncated_sixteen_bit_picture_is_found(tmp_path, rng):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), rng.integers(0, 65536, (32, 32, 3), dtype=np.uint16))
    path.write_bytes(path.read_bytes()[:2000])
    for read in (inspect_picture, read_image):
        with pytest.raises(DataError, match="a.png is damaged"):
            read(path)


def test_each_opening_decodes_a_capture_once_and_finds_what_has_changed(write_capture, monkeypatch):
    from PIL import ImageFile

    path, decoded, load = write_capture(count=10), [], ImageFile.ImageFile.load

    def noting_load(self):
        decoded.extend([Path(self.filename)] if self.tile else [])  # there is nothing left to decode without
        return load(self)

    monkeypatch.setattr(ImageFile.ImageFile, "load", noting_load)
    posed = load_posed_images(path)
    pictures = sorted(view.image_path for view in posed.views)
    assert sorted(decoded) == pictures

    before = pictures[3].stat()
    content = bytearray(pictures[3].read_bytes())
    content[len(content) // 2] ^= 255
    pictures[3].write_bytes(content)
    os.utime(pictures[3], ns=(before.st_atime_ns, before.st_mtime_ns))  # neither size nor time say so
    with pytest.raises(DataError, match=pictures[3].name):
        load_posed_images(path)


def test_a_missing_picture_is_named(tmp_path):
    with pytest.raises(DataError, match="a.png does not exist"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P", "I;16"])
def test_masks_of_any_mode(tmp_path, rng, mode):
    inside = rng.random((12, 20)) < 0.5
    if mode == "I;16":
        Image.fromarray(inside.astype(np.uint16)).save(tmp_path / "m.png")
    else:
        Image.fromarray((inside * 255).astype(np.uint8)).convert(mode).save(tmp_path / "m.png")
    view = make_view(20, 12, mask_path=tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(view).numpy(), inside)
    np.testing.assert_array_equal(read_mask(view, (10, 6)).numpy(), block_mean(inside, 2) >= 0.5)


def test_views_without_companions_have_none():
    view = make_view(20, 12)
    assert read_mask(view) is None
    assert read_depth(view, 1.0) is None
    assert read_object_masks(view, {"cup": 1}) == {}


@pytest.mark.parametrize("mode", ["L", "P"])
def test_object_masks_are_ids_not_colours(tmp_path, rng, mode):
    labels = rng.integers(0, 4, (12, 20), dtype=np.uint8)
    picture = Image.fromarray(labels)
    if mode == "P":
        picture.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200, 9, 9, 9])
    picture.save(tmp_path / "l.png")
    view = make_view(10, 6, labels_path=tmp_path / "l.png")
    masks = read_object_masks(view, {"a": 1, "b": 3})
    for name, object_id in (("a", 1), ("b", 3)):
        np.testing.assert_array_equal(masks[name].numpy(), block_mean(labels == object_id, 2) >= 0.5)


@pytest.mark.parametrize("white", [255, 90])
@pytest.mark.parametrize("quality", [50, 75, 95])
def test_a_mask_saved_as_jpeg_is_what_was_drawn(tmp_path, white, quality):
    drawn = np.zeros((48, 64), bool)
    drawn[9:30, 11:45] = True
    drawn[20:40, 30:53] = True
    Image.fromarray((drawn * white).astype(np.uint8)).save(tmp_path / "m.jpg", quality=quality)
    read = read_mask(make_view(64, 48, mask_path=tmp_path / "m.jpg")).numpy()
    np.testing.assert_array_equal(read, drawn)
    Image.new("L", (64, 48)).save(tmp_path / "black.jpg")
    assert not read_mask(make_view(64, 48, mask_path=tmp_path / "black.jpg")).any()


def test_depth_is_never_mixed(tmp_path, rng):
    values = rng.choice(np.array([0, 1000, 50000], dtype=np.uint16), (13, 21))
    Image.fromarray(values).save(tmp_path / "d.png")
    full = read_depth(make_view(21, 13, depth_path=tmp_path / "d.png"), 1e-3)
    np.testing.assert_allclose(full.numpy(), values * 1e-3, rtol=1e-6)
    small = read_depth(make_view(7, 4, depth_path=tmp_path / "d.png"), 1e-3)
    assert small.shape == (4, 7)
    assert set(np.unique(small.numpy())) <= set(np.unique(full.numpy()))


def test_depth_must_be_one_channel(tmp_path):
    Image.new("RGB", (20, 12)).save(tmp_path / "d.png")
    with pytest.raises(DataError, match="depth alone"):
        read_depth(make_view(20, 12, depth_path=tmp_path / "d.png"), 1.0)
