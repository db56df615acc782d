"""Textures in every mode of pictures; what only pretends to be one is never opened by another program."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest
from PIL import Image

from mesh.io.common.notes import Notes
from mesh.io.common.textures import Textures, to_rgb8
from mesh.io.read import read_mesh

RED, GREEN, BLUE, YELLOW = (200, 0, 0), (0, 160, 0), (0, 0, 240), (220, 220, 0)
AS_PAINTED = [BLUE, YELLOW, RED, GREEN]
PAINT = np.array([[RED, GREEN], [BLUE, YELLOW]], np.uint8)


def through_png(picture: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return Image.open(io.BytesIO(buffer.getvalue()), formats=["PNG"])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK", "YCbCr", "HSV"])
def test_colours_in_every_mode(mode):
    picture = Image.fromarray(PAINT)
    picture = picture.quantize(4) if mode == "P" else picture.convert(mode)
    assert to_rgb8(picture).astype(int) == pytest.approx(PAINT.astype(int), abs=3)


def test_transparency_is_left_out():
    rgba = np.dstack([PAINT, np.array([[0, 10], [128, 255]], np.uint8)])
    assert np.array_equal(to_rgb8(through_png(Image.fromarray(rgba))), PAINT)


@pytest.mark.parametrize("mode", ["I;16", "I", "F", "L", "LA", "1"])
def test_gray_of_every_depth(mode):
    shares = np.array([[0.0, 0.25], [0.5, 1.0]])
    made = {
        "I;16": lambda: through_png(Image.fromarray(np.rint(shares * 65535).astype(np.uint16))),
        "I": lambda: Image.fromarray(np.rint(shares * 65535).astype(np.int32)),
        "F": lambda: Image.fromarray(shares.astype(np.float32)),
        "L": lambda: Image.fromarray(np.rint(shares * 255).astype(np.uint8)),
        "LA": lambda: Image.fromarray(np.rint(shares * 255).astype(np.uint8)).convert("LA"),
        "1": lambda: Image.fromarray(shares >= 0.5),
    }[mode]()
    expected = (shares >= 0.5) * 255.0 if mode == "1" else shares * 255
    assert to_rgb8(made)[..., 1] == pytest.approx(expected, abs=1)


def test_sixteen_bits_of_colour():
    import cv2

    wide = (PAINT.astype(np.uint16) * 257)[..., ::-1]
    _, encoded = cv2.imencode(".png", wide)
    picture = Image.open(io.BytesIO(encoded.tobytes()), formats=["PNG"])
    assert to_rgb8(picture).astype(int) == pytest.approx(PAINT.astype(int), abs=1)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (300, 1)])
def test_a_side_of_one(gltf, seen, size):
    picture = np.tile(np.array([[RED]], np.uint8), (size[1], size[0], 1))
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    assert seen(read_mesh(gltf(texture=buffer.getvalue()))) == pytest.approx(np.tile(RED, (4, 1)), abs=1)


@pytest.mark.parametrize(
    "content",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) (w) file\n",
        b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
        b"%PDF-1.4\n",
        b"",
        b"\x89PNG\r\n\x1a\n damaged",
        b"DDS " + bytes(200),
    ],
    ids=["eps", "svg", "pdf", "empty", "png", "dds"],
)
def test_what_is_no_picture_is_noted_and_nothing_runs(obj, gltf, seen, tmp_path, monkeypatch, content):
    started = []
    monkeypatch.setattr("subprocess.Popen", lambda *a, **k: started.append(a))
    monkeypatch.setattr(os, "system", lambda *a: started.append(a))
    path = obj("newmtl paint\nKd 1 0 0\nmap_Kd paint.png\n")
    (tmp_path / "paint.png").write_bytes(content)
    surface = read_mesh(path)
    assert any("paint.png" in note and "cannot be read" in note for note in surface.notes)
    assert seen(surface) == pytest.approx(np.tile([255, 0, 0], (4, 1)), abs=1)
    assert any("image 0" in note for note in read_mesh(gltf(texture=content or b" ")).notes)
    assert not started


def test_pipes_and_huge_pictures_are_noted(obj, tmp_path, monkeypatch):
    path = obj()
    (tmp_path / "paint.png").unlink()
    os.mkfifo(tmp_path / "paint.png")
    assert any("paint.png" in note for note in read_mesh(path).notes)
    (tmp_path / "paint.png").unlink()
    Image.new("RGB", (300, 300)).save(tmp_path / "paint.png")
    monkeypatch.setattr("mesh.io.common.textures.MAX_PIXELS", 80_000)
    assert any("megapixels" in note for note in read_mesh(path).notes)


def test_pictures_together_are_bounded_and_read_once(tmp_path, monkeypatch):
    for name in ("a.png", "b.png"):
        Image.new("RGB", (30, 30)).save(tmp_path / name)
    monkeypatch.setattr("mesh.io.common.textures.MAX_PIXELS_TOGETHER", 1500)
    textures = Textures(tmp_path, notes := Notes())
    assert textures.named("a.png") is textures.named("a.png")
    assert textures.named("b.png") is None
    assert len(notes.clauses) == 1


def test_recoloured_pictures_are_bounded_and_made_once(tmp_path, monkeypatch):
    """A texture of one megapixel in a thousand colours would be a thousand megapixels."""
    pixels = np.arange(2700, dtype=np.uint32).astype(np.uint8).reshape(30, 30, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    monkeypatch.setattr("mesh.io.common.textures.MAX_PIXELS_TOGETHER", 1500)
    textures = Textures(tmp_path, notes := Notes())
    picture = textures.named("a.png")
    table = np.stack([np.arange(256), np.arange(256) // 2, 255 - np.arange(256)], -1).astype(np.uint8)
    found = textures.recolored(picture, table)
    assert np.array_equal(found, np.stack([pixels[..., 0], pixels[..., 1] // 2, 255 - pixels[..., 2]], -1))
    assert textures.recolored(picture, table) is found
    assert not notes.clauses
    assert textures.recolored(picture, table[::-1]) is picture
    assert len(notes.clauses) == 1


def test_notes_are_few_short_and_printable():
    from mesh.io.common.notes import quoted

    notes = Notes()
    for index in range(100):
        notes.add(f"clause {index}")
        notes.add(f"clause {index}")
    assert len(notes.clauses) == 21
    assert notes.clauses[-1] == "and more like these"
    assert "\x1b" not in quoted("\x1b[31m" + "x" * 1000)
    assert len(quoted("x" * 1000)) < 120
