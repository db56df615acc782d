"""The test subject: a capture that loads, labels that are right, and true pictures that differ in the garment alone."""

from __future__ import annotations

import importlib.util
import math

import numpy as np
import pytest
import torch

from editor3d.datasets.views.images import read_image, read_object_masks
from editor3d.metrics.image import psnr
from lab.subject import LABELS, garment_path, subject_path, worn_path
from lab.subject.views import SIZE, subject_views


def test_it_is_a_capture_with_named_parts(subject):
    assert len(subject.train_views) == 36
    assert len(subject.test_views) == 8
    assert dict(subject.objects) == LABELS
    assert {(view.width, view.height) for view in subject.views} == {(SIZE, SIZE)}
    assert len(subject.points) > 1000


def test_poses_are_those_of_the_script(subject):
    expected = {view.name: view.c2w for view in subject_views()}
    for view in subject.views:
        np.testing.assert_allclose(view.c2w, expected[view.name], atol=1e-12)


def test_the_garment_is_in_every_view_and_the_face_in_those_from_in_front(subject):
    for view in subject.views:
        masks = read_object_masks(view, subject.objects)
        assert 0.05 < float(masks["garment"].float().mean()) < 0.3
        ahead = math.degrees(abs(math.atan2(view.c2w[0, 3], -view.c2w[1, 3])))
        if ahead < 60:
            assert int(masks["face"].sum()) > 200, view.name
        if ahead > 160:  # an ear's edge
            assert int(masks["face"].sum()) < 50, view.name


def test_true_pictures_differ_in_the_garment_and_little_else(subject):
    for view in subject.test_views:
        plain, worn = read_image(view).float() / 255, read_image(worn_path() / f"{view.name}.jpg").float() / 255
        masks = read_object_masks(view, subject.objects)
        nobody = ~torch.stack(list(masks.values())).any(0)
        assert psnr(plain, worn, masks["garment"]) < 15
        assert psnr(plain, worn, nobody) > 36


def test_its_files_are_small():
    assert sum(path.stat().st_size for path in subject_path().rglob("*") if path.is_file()) < 2e6
    assert garment_path().is_file()


def test_the_figure_is_one_closed_surface_that_bones_move_whole():
    import trimesh

    from lab.subject import figure

    mesh = figure.mesh_of(figure.body, (-0.62, -0.26, -0.01), (0.62, 0.20, 1.84), cell=0.02)
    whole = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    assert whole.is_watertight
    assert whole.body_count == 1
    assert whole.volume > 0
    shares = figure.weights(mesh.vertices)
    np.testing.assert_allclose(sum(shares.values()), 1.0, atol=1e-9)
    assert min(share.min() for share in shares.values()) >= 0


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="needs Blender's Python module")
def test_the_script_renders_what_is_shipped(lab, tmp_path, subject):
    code = "from pathlib import Path\nfrom lab.subject.make import make\n"
    code += "make(Path(output), samples=4, limit=1)"
    result = lab.run(code, timeout=300, output=tmp_path)
    assert result.code == 0, result.stderr
    for name in ("train_00", "test_00"):
        again, shipped = (read_image(root / f"images/{name}.jpg").float() / 255 for root in (tmp_path, subject_path()))
        assert psnr(again, shipped) > 30
        labels = [(root / f"labels/{name}.png").read_bytes() for root in (tmp_path, subject_path())]
        assert labels[0] == labels[1]
