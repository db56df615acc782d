"""The shipped demo scene is what it says: exact poses, depths and labels that agree across views, and edits that change
what they name and nothing else."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_dilation, minimum_filter

from editor3d.datasets import load_posed_images
from editor3d.datasets.demo import TRUE_EDITS, demo_path, true_edit_path
from editor3d.datasets.demo.make import transforms
from editor3d.datasets.demo.views import RINGS, demo_views
from editor3d.errors import ConfigError

META = json.loads((demo_path() / "transforms.json").read_text())
FRAMES = {Path(frame["file_path"]).stem: frame for frame in META["frames"]}
HELD_OUT = [name for name in FRAMES if name.startswith("test_")]
CHANGED = {"remove": "mug", "enlarge": "ball", "hat": "hat"}


def picture(name: str, edit: str | None = None) -> np.ndarray:
    folder = demo_path() if edit is None else true_edit_path(edit)
    return np.asarray(Image.open(folder / "images" / f"{name}.jpg")).astype(np.float64) / 255.0


def depth(name: str, edit: str | None = None) -> np.ndarray:
    folder = demo_path() if edit is None else true_edit_path(edit)
    return np.asarray(Image.open(folder / "depth" / f"{name}.png")).astype(np.float64) * META["depth_unit_scale_factor"]


def labels(name: str, edit: str | None = None) -> np.ndarray:
    folder = demo_path() if edit is None else true_edit_path(edit)
    return np.asarray(Image.open(folder / "labels" / f"{name}.png"))


def objects(edit: str | None = None) -> dict[str, int]:
    return META["objects"] if edit is None else json.loads((true_edit_path(edit) / "edit.json").read_text())["objects"]


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(-10.0 * np.log10(np.mean((a - b) ** 2)))


def unproject(name: str) -> np.ndarray:
    """World points [H, W, 3] of a view's pixel centres."""
    frame, z = FRAMES[name], depth(name)
    x, y = np.meshgrid(np.arange(frame["w"]) + 0.5, np.arange(frame["h"]) + 0.5)
    camera = np.stack([(x - frame["cx"]) / frame["fl_x"] * z, -(y - frame["cy"]) / frame["fl_y"] * z, -z], axis=-1)
    c2w = np.array(frame["transform_matrix"])
    return camera @ c2w[:3, :3].T + c2w[:3, 3]


def project(points: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixel columns and rows (as indices) and z-depth of world points [N, 3] in a view."""
    frame = FRAMES[name]
    c2w = np.array(frame["transform_matrix"])
    camera = (points - c2w[:3, 3]) @ c2w[:3, :3]
    z = -camera[:, 2]
    x = frame["cx"] + frame["fl_x"] * camera[:, 0] / z
    y = frame["cy"] - frame["fl_y"] * camera[:, 1] / z
    return np.floor(x).astype(int), np.floor(y).astype(int), z


def test_split_and_files():
    train, test = META["train_filenames"], META["test_filenames"]
    assert (len(train), len(test)) == (40, 8)
    assert set(train).isdisjoint(test)
    assert {frame["file_path"] for frame in META["frames"]} == {*train, *test}
    for frame in META["frames"]:
        for key, mode in (("file_path", "RGB"), ("labels_path", "L"), ("depth_file_path", "I;16")):
            with Image.open(demo_path() / frame[key]) as file:
                assert file.size == (frame["w"], frame["h"]) == (256, 256)
                assert file.mode == mode


def test_the_reader_finds_splits_objects_and_points():
    scene = load_posed_images(demo_path())
    assert (len(scene.train_views), len(scene.test_views)) == (40, 8)
    assert {view.name for view in scene.views} == set(FRAMES)
    assert all(view.labels_path and view.depth_path for view in scene.views)
    assert scene.objects == META["objects"]
    assert scene.depth_scale == META["depth_unit_scale_factor"]
    assert scene.points is not None
    assert np.linalg.norm(scene.points, axis=1).max() < 5.0


def test_sparse_points_lie_on_the_surfaces_in_their_colours():
    scene = load_posed_images(demo_path())
    for name in HELD_OUT:
        x, y, z = project(scene.points.astype(np.float64), name)
        seen = (z > 0.1) & (x >= 0) & (x < 256) & (y >= 0) & (y < 256)
        visible = np.abs(z[seen] / depth(name)[y[seen], x[seen]] - 1.0) < 0.01
        assert np.mean(visible) > 0.4
        colors = scene.point_colors[seen][visible] / 255.0
        assert np.median(np.abs(colors - picture(name)[y[seen], x[seen]][visible])) < 0.05


def test_every_edit_has_every_view():
    for edit in TRUE_EDITS:
        folder = true_edit_path(edit)
        assert {path.stem for path in (folder / "images").iterdir()} == set(FRAMES)
        for kind in ("depth", "labels"):
            assert {path.stem for path in (folder / kind).iterdir()} == set(HELD_OUT)


def test_unknown_edit_is_refused_by_name():
    with pytest.raises(ConfigError, match="remove.*'paint'"):
        true_edit_path("paint")


def test_data_is_small_enough_to_ship():
    assert sum(path.stat().st_size for path in demo_path().rglob("*") if path.is_file()) <= 4_000_000


def test_shipped_poses_are_those_of_the_script():
    made = transforms(demo_views(), META["objects"])
    for frame, shipped in zip(made["frames"], META["frames"], strict=True):
        np.testing.assert_allclose(frame.pop("transform_matrix"), shipped["transform_matrix"], atol=1e-9)
        assert frame == {key: value for key, value in shipped.items() if key != "transform_matrix"}


def test_cameras_are_rigid_upright_and_look_at_the_table():
    for view in demo_views():
        rotation, eye = view.c2w[:, :3], view.c2w[:, 3]
        np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1.0)
        assert rotation[2, 0] == pytest.approx(0.0, abs=1e-12)
        assert rotation[2, 1] > 0
        miss = np.linalg.norm(np.cross(eye, rotation[:, 2]))
        assert miss < 0.25
        assert eye[2] > 0


def test_held_out_views_lie_between_training_views():
    direction = {v.name: v.c2w[:, 3] / np.linalg.norm(v.c2w[:, 3]) for v in demo_views()}
    training = np.stack([d for name, d in direction.items() if name.startswith("train_")])
    elevations = [ring for ring, _ in RINGS]
    for name in HELD_OUT:
        assert elevations[0] < np.degrees(np.arcsin(direction[name][2])) < elevations[-1]
        nearest = np.degrees(np.arccos(np.clip(training @ direction[name], -1, 1))).min()
        assert 3.0 < nearest < 20.0


@pytest.mark.parametrize("name", HELD_OUT)
def test_depths_and_labels_agree_across_views(name: str):
    points, ids = unproject(name).reshape(-1, 3), labels(name).ravel()
    known = depth(name).ravel() > 0
    for other in (view for view in HELD_OUT if view != name):
        x, y, z = project(points[known], other)
        seen = (z > 0.1) & (x >= 0) & (x < 256) & (y >= 0) & (y < 256)
        there = depth(other)[y[seen], x[seen]]
        error = (z[seen] - there) / z[seen]
        # A point may be hidden from the other view (error > 0), but not float in front of what that view sees; at a
        # silhouette that is the nearer of the neighbouring pixels.
        nearest = minimum_filter(depth(other), size=3)[y[seen], x[seen]]
        assert np.mean(z[seen] < 0.97 * nearest) < 0.001
        visible = np.abs(error) < 0.03
        assert np.mean(visible) > 0.1
        assert np.median(np.abs(error[visible])) < 0.01
        assert np.mean(ids[known][seen][visible] == labels(other)[y[seen], x[seen]][visible]) > 0.95


@pytest.mark.parametrize("axis", [0, 1])
def test_pictures_and_labels_are_aligned_to_a_tenth_of_a_pixel(axis: int):
    """Colours step most where labels change: a parabola through the steps at three shifts has its top there."""
    steps = np.zeros(3)
    for name in FRAMES:
        edges = np.diff(labels(name).astype(int), axis=axis) != 0
        colour = np.abs(np.diff(picture(name), axis=axis)).sum(-1)
        inner = (slice(2, -2), slice(2, -2))
        steps += [np.roll(colour, -shift, axis)[inner][edges[inner]].sum() for shift in (-1, 0, 1)]
    before, here, after = steps
    assert here > max(before, after)
    assert abs(0.5 * (before - after) / (before - 2 * here + after)) < 0.1


def test_every_object_is_seen_in_most_views():
    for name, number in META["objects"].items():
        areas = [np.sum(labels(view) == number) for view in FRAMES]
        assert np.mean(np.array(areas) > 200) > 0.9, name


@pytest.mark.parametrize("edit", TRUE_EDITS)
def test_an_edit_changes_geometry_only_where_its_object_is(edit: str):
    number = objects(edit).get(CHANGED[edit]) or objects()[CHANGED[edit]]
    for view in HELD_OUT:
        touched = (labels(view) == number) | (labels(view, edit) == number)
        np.testing.assert_array_equal(depth(view, edit)[~touched], depth(view)[~touched])
        np.testing.assert_array_equal(labels(view, edit)[~touched], labels(view)[~touched])


@pytest.mark.parametrize("edit", TRUE_EDITS)
def test_an_edit_is_a_real_change_that_stays_local(edit: str):
    number = objects(edit).get(CHANGED[edit]) or objects()[CHANGED[edit]]
    for view in HELD_OUT:
        before, after = labels(view) == number, labels(view, edit) == number
        changed = before ^ after
        if changed.sum() < 100:
            continue
        assert psnr(picture(view)[changed], picture(view, edit)[changed]) < 16.0
        # Elsewhere only shadows and bounced light may differ.
        elsewhere = ~binary_dilation(before | after, iterations=3)
        difference = np.abs(picture(view) - picture(view, edit)).max(-1)[elsewhere]
        assert np.mean(difference < 0.03) > 0.85
        assert np.median(difference) <= 1.01 / 255.0


def test_removed_object_is_gone_and_the_others_stay():
    assert set(objects()) - set(objects("remove")) == {"mug"}
    assert all(not np.any(labels(view, "remove") == objects()["mug"]) for view in HELD_OUT)


def test_enlarged_ball_is_half_as_big_again_and_stands_on_the_table():
    number = objects()["ball"]
    heights = []
    for view in HELD_OUT:
        assert np.sum(labels(view, "enlarge") == number) > 1.6 * np.sum(labels(view) == number)
        points = unproject(view)[labels(view) == number]
        heights.append(points[:, 2].max())
        assert points[:, 2].min() > -0.01
    assert max(heights) == pytest.approx(0.35, abs=0.01)


def test_hat_is_named_only_in_its_edit():
    assert set(objects("hat")) - set(objects()) == {"hat"}
    assert all(np.sum(labels(view, "hat") == objects("hat")["hat"]) > 500 for view in HELD_OUT)


def test_importing_the_demo_and_asking_its_script_for_help_needs_no_blender():
    code = (
        "import sys\nimport editor3d.datasets.demo.make as make\nsys.argv = ['make', '--help']\n"
        "try:\n    make.run(make.make)\nexcept SystemExit as end:\n    assert not end.code\n"
        "assert 'bpy' not in sys.modules and 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--output" in done.stdout


@pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="needs Blender's Python module")
def test_the_script_still_models_the_shipped_scene(tmp_path: Path):
    code = (
        "import sys, numpy as np\nfrom editor3d.datasets.demo import passes, scene, views\n"
        "view = next(v for v in views.demo_views() if v.name == 'test_03')\n"
        "scene_ = scene.build_scene()\nscene.EDITS['hat'].apply()\n"
        "depth, labels = passes.cast(scene_, view.c2w, 256)\nnp.savez(sys.argv[1], depth=depth, labels=labels)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "cast.npz")], check=True, capture_output=True)
    cast = np.load(tmp_path / "cast.npz")
    np.testing.assert_array_equal(cast["labels"], labels("test_03", "hat"))
    np.testing.assert_allclose(depth("test_03", "hat"), cast["depth"], rtol=1.01e-3, atol=0.51e-3)
