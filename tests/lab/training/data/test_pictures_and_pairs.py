"""The training data: what is drawn, and that edits are the procedural editor's."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from editor3d.datasets import load_posed_images
from editor3d.datasets.demo import demo_path
from editor3d.editors.procedural.effects import apply
from editor3d.editors.procedural.parse import parse
from lab.training.data import pairs
from lab.training.data.pairs import Pairs, PairSettings, draw_edit, make_chunk
from lab.training.data.photographs import draw_crop, load_photographs
from lab.training.data.pictures import SHARES, Original, OriginalSource
from lab.training.data.raster import rasterize
from lab.training.data.renders import PALETTE, draw_still
from lab.training.data.shapes import NAMES, mesh
from lab.training.data.textures import dead_leaves, tinted_noise

SETTINGS = PairSettings(side=32, originals=12, chunk=6, pairs_per_original=3)


@pytest.fixture(scope="module")
def source():
    return OriginalSource(64)


def test_a_triangle_covers_the_pixels_whose_centres_it_holds():
    points = np.array([[0.0, 0.0, 2.0], [4.0, 0.0, 2.0], [0.0, 4.0, 2.0]])
    index, weights, depth = rasterize(points, np.array([[0, 1, 2]]), 4, 4)
    x, y = np.meshgrid(np.arange(4) + 0.5, np.arange(4) + 0.5)
    np.testing.assert_array_equal(index == 0, x + y <= 4)
    covered = index == 0
    np.testing.assert_allclose((weights[covered] @ points)[:, :2], np.stack([x, y], -1)[covered], atol=1e-5)
    np.testing.assert_allclose(depth[covered], 2.0, rtol=1e-6)


def test_the_nearer_triangle_is_seen_and_one_behind_the_camera_is_not():
    square = np.array([[-9.0, -9.0], [30.0, -9.0], [-9.0, 30.0]])
    points = np.concatenate([np.c_[square, np.full(3, depth)] for depth in (3.0, 2.0, -1.0)])
    index, _, depth = rasterize(points, np.arange(9).reshape(3, 3), 4, 4)
    assert (index == 1).all()
    np.testing.assert_allclose(depth, 2.0, rtol=1e-6)


def test_weights_are_perspective_correct():
    """A floor that recedes: the middle of the screen is nearer than the middle of the floor."""
    focal, ends = 10.0, np.array([[0.0, -1.0, 1.0], [0.0, -1.0, 9.0], [3.0, -1.0, 9.0], [3.0, -1.0, 1.0]])
    screen = np.stack([focal * ends[:, 0] / ends[:, 2], 5 - focal * ends[:, 1] / ends[:, 2], ends[:, 2]], -1)
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    index, weights, depth = rasterize(screen, faces, 16, 16)
    y, x = np.nonzero(index >= 0)
    seen = np.einsum("nk,nkd->nd", weights[y, x], ends[faces[index[y, x]]])
    np.testing.assert_allclose(focal * seen[:, 0] / seen[:, 2], x + 0.5, atol=1e-4)
    np.testing.assert_allclose(depth[y, x], seen[:, 2], rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_meshes_are_sound(name):
    part = mesh(name)
    assert part.faces.max() < len(part.vertices)
    assert len(part.parts) == len(part.faces)
    assert np.isfinite(part.normals).all()


def test_photographs_are_pictures():
    rng = np.random.default_rng(0)
    for photograph in load_photographs():
        crop = draw_crop(photograph, rng, 48)
        assert crop.shape == (48, 48, 3)
        assert crop.dtype == np.float32
        assert 0 <= crop.min() < crop.max() <= 1


def test_stills_name_what_they_show():
    rng = np.random.default_rng(3)
    seen = set()
    for _ in range(6):
        still = draw_still(rng, 48, tinted_noise)
        assert still.pixels.shape == (48, 48, 3)
        assert 0 <= still.pixels.min() <= still.pixels.max() <= 1
        assert set(still.colors) <= set(still.masks) <= set(NAMES)
        assert set(still.colors.values()) <= set(PALETTE)
        shared = sum(mask.astype(int) for mask in still.masks.values()) > 1
        assert np.mean(shared) < 0.03  # a pixel may be half one object and half another
        seen |= set(still.masks)
    assert len(seen) > 4


def test_dead_leaves_are_in_range():
    picture = dead_leaves(np.random.default_rng(0), 40, tinted_noise)
    assert picture.shape == (40, 40, 3)
    assert 0 <= picture.min() < picture.max() <= 1


def test_held_out_views_of_the_demo_scene_are_never_drawn(source):
    images = load_posed_images(demo_path())
    assert len(source._views) == len(images.train_views)
    for view in images.test_views:
        pixels = cv2.imread(str(view.image_path))[..., ::-1].astype(np.float32) / 255.0
        assert all(np.abs(own.pixels - pixels).max() > 0.1 for own in source._views)


@pytest.mark.parametrize("sort", SHARES)
def test_shares_sum_to_one(sort):
    assert sum(SHARES[sort].values()) == pytest.approx(1.0)


def test_still_lifes_alone_are_of_named_things():
    rng = np.random.default_rng(0)
    source = OriginalSource(48, "stills")
    drawn = [source.draw(rng) for _ in range(16)]
    assert all(original.masks for original in drawn)
    plain = [len(np.unique(original.pixels[0].round(2), axis=0)) == 1 for original in drawn]  # nothing behind them
    assert any(plain)
    assert not all(plain)


def test_every_kind_of_original_is_drawn(source):
    rng = np.random.default_rng(1)
    drawn = [source.draw(rng) for _ in range(24)]
    assert {original.pixels.shape for original in drawn} == {(64, 64, 3)}
    assert any(original.masks for original in drawn)
    assert any(original.content == "shapes" for original in drawn)


def test_data_depends_on_the_settings_alone(source):
    first, again = (make_chunk(SETTINGS, 1, source) for _ in range(2))
    for field in dataclasses.fields(Pairs):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(again, field.name))
    other = make_chunk(dataclasses.replace(SETTINGS, seed=1), 1, source)
    assert (other.edited != first.edited).any()


def test_edits_are_the_procedural_maps():
    rng = np.random.default_rng(0)
    import torch

    pixels = rng.random((32, 32, 3)).astype(np.float32)
    found = 0
    for _ in range(20):
        edited, instruction, name, _, mask = draw_edit(rng, Original(pixels, "noise"))
        assert name == ""
        assert not mask.any()
        if not instruction:
            wanted = pixels
        else:
            (step,) = parse(instruction, [])
            wanted = apply(step.effect, torch.from_numpy(pixels)).numpy()
            found += 1
        small = cv2.resize(wanted, (16, 16), interpolation=cv2.INTER_AREA)
        assert np.abs(edited / 255.0 - small).max() <= 0.5 / 255 + 1e-6
    assert found


def test_an_object_instruction_changes_the_object_alone():
    rng = np.random.default_rng(0)
    pixels = rng.random((64, 64, 3)).astype(np.float32)
    mask = np.zeros((64, 64), bool)
    mask[16:40, 24:48] = True
    original = Original(pixels, "a ball", {"ball": mask})
    unedited = pairs._halved(pixels)
    named = 0
    for _ in range(20):
        edited, instruction, name, _, cells = draw_edit(rng, original)
        if not name:
            continue
        named += 1
        assert "ball" in instruction
        changed = (edited != unedited).any(-1)
        assert changed[10:18, 14:22].any()
        assert not changed[~mask[::2, ::2]].any()
        np.testing.assert_array_equal(cells > 127, cv2.resize(mask.astype(np.float32), (16, 16), interpolation=3) > 0.5)
    assert named > 5


def test_parts_are_kept_and_joined(tmp_path, source, monkeypatch):
    monkeypatch.setattr(pairs, "_source", {32: source})
    for index in range(SETTINGS.chunks):
        pairs._write_chunk(tmp_path, SETTINGS, index)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    pairs.build(tmp_path, SETTINGS)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    loaded = pairs.load(tmp_path, SETTINGS)
    assert len(loaded.originals) == 12
    assert loaded.source.tolist() == [i for i in range(12) for _ in range(3)]
    second = make_chunk(SETTINGS, 1, source)
    np.testing.assert_array_equal(loaded.edited[18:], second.edited)
