"""Photographs of more than 1600 pixels a side are read smaller unless told otherwise, and whoever reads them agrees."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from nerfstudio.data.dataparsers.nerfstudio_dataparser import MAX_AUTO_RESOLUTION

import editor3d
from editor3d.cli import USER_ERROR, main
from editor3d.datasets import load_posed_images
from editor3d.datasets.opening import describe
from editor3d.datasets.reduce import MAX_SIDE
from editor3d.datasets.views.images import read_image
from editor3d.plugin.bases.base import downscale_factor_of, read_config
from editor3d.run.opening import begin_command

SIZE = (3204, 20)
CAMERA = {"w": SIZE[0], "h": SIZE[1], "fl_x": 3000.0, "fl_y": 3000.0}
WHOLE = "--downscale-factor 1 reads them whole"


@pytest.fixture
def large(write_capture: Callable[..., Path]) -> Path:
    """A capture whose pictures are read at a quarter."""
    return write_capture(count=4, meta=CAMERA, size=SIZE).parent


@pytest.mark.parametrize(
    ("size", "factor"),
    [((1600, 1200), 1), ((1601, 1200), 2), ((1200, 3200), 2), ((1200, 3201), 4), ((6000, 4000), 4), ((16000, 3), 2)],
)
def test_the_longest_side_decides_by_powers_of_two(write_capture, monkeypatch, size, factor) -> None:
    from editor3d.datasets.views import validate
    from editor3d.datasets.views.headers import PictureInfo

    monkeypatch.setattr(validate, "inspect_pictures", lambda paths: [PictureInfo(*size) for _ in paths])
    camera = {"w": size[0], "h": size[1], "fl_x": 1000.0, "fl_y": 900.0, "cx": 700.0, "cy": 2.0}
    path = write_capture(count=4, meta=camera)
    posed, whole = load_posed_images(path), load_posed_images(path, downscale_factor=1)
    assert posed.downscale_factor == factor
    assert MAX_SIDE == MAX_AUTO_RESOLUTION
    asked = load_posed_images(path, downscale_factor=factor)
    for one, other, full in zip(posed.views, asked.views, whole.views, strict=True):
        assert (full.width, full.height) == size
        assert (one.width, one.height) == (size[0] // factor, size[1] // factor)
        for name in ("fl_x", "fl_y", "cx", "cy", "distortion", "fisheye", "image_path", "split"):
            assert getattr(one, name) == getattr(other, name)
        np.testing.assert_array_equal(one.c2w, other.c2w)


def test_the_largest_picture_decides_for_all(write_capture) -> None:
    from .conftest import picture

    path = write_capture(count=4)
    data = json.loads(path.read_text())
    data["frames"][0] |= CAMERA
    path.write_text(json.dumps(data))
    picture(SIZE).save(path.parent / data["frames"][0]["file_path"])
    posed = load_posed_images(path)
    assert sorted({(view.width, view.height) for view in posed.views}) == [(10, 7), (801, 5)]
    assert {tuple(read_image(view).shape[1::-1]) for view in posed.views} == {(10, 7), (801, 5)}


def test_it_is_said_once_and_only_where_nothing_was_asked_for(large: Path, capfd: pytest.CaptureFixture) -> None:
    begin_command()
    for _ in range(2):
        assert editor3d.load(large).downscale_factor == 4
    assert capfd.readouterr().err.count(WHOLE) == 1
    begin_command()
    assert editor3d.load(large, downscale_factor=1).downscale_factor == 1
    assert editor3d.load(large, downscale_factor=2).downscale_factor == 2
    assert WHOLE not in capfd.readouterr().err
    assert "801×5 (1/4 of their size)" in describe(load_posed_images(large))
    assert "of their size" not in describe(load_posed_images(large, downscale_factor=1))


@pytest.mark.parametrize("side", [16, 800, 1600, 1601, 3200, 3201, 6000])
def test_a_draft_is_never_larger_than_what_is_usual(write_capture, side) -> None:
    camera = {"w": side, "h": 20, "fl_x": 1000.0, "fl_y": 1000.0}
    path = write_capture(count=4, meta=camera, size=(side, 20)).parent
    usual, draft = editor3d.load(path), editor3d.load(path, draft=True)
    assert draft.downscale_factor == 2 * usual.downscale_factor
    assert draft.posed_images.views[0].width == side // draft.downscale_factor


def test_a_run_notes_the_factor_that_it_took(large: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    from copy import deepcopy

    from nerf_methods.voxel.method import voxel

    begin_command()
    config = deepcopy(voxel.config)
    config.pipeline.datamanager.data, config.output_dir, config.timestamp = large, tmp_path / "runs", "run"
    config.machine.device_type = "cpu"
    config.save_config()  # as ns-train does before it trains
    said = capfd.readouterr().err
    assert said.count("--pipeline.datamanager.dataparser.downscale-factor 1 reads them whole") == 1
    assert WHOLE not in said
    run = config.get_base_dir()
    assert read_config(run / "config.yml").pipeline.datamanager.dataparser.downscale_factor == 4
    (run / "nerfstudio_models").mkdir()
    (run / "nerfstudio_models" / "step-000000000.ckpt").write_bytes(b"")
    assert downscale_factor_of(run) == 4
    scene = editor3d.load(run)
    assert (scene.base, scene.downscale_factor) == (run, 4)
    with pytest.raises(editor3d.Editor3DError, match=r"keeps its own \(4\)"):
        editor3d.load(run, downscale_factor=1)


@pytest.mark.parametrize("factor", [2, 8])
def test_an_edit_takes_the_factor_of_the_base_that_it_is_given(
    large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factor: int
) -> None:
    from copy import deepcopy

    from editor3d.plugin.train import config as trainers
    from nerf_methods.in2n import in2n

    monkeypatch.setattr(trainers, "downscale_factor_of", lambda run: factor)
    config = deepcopy(in2n.config)
    config.pipeline.datamanager.data, config.output_dir = large, tmp_path / "runs"
    config.load_checkpoint = tmp_path / "step-000000000.ckpt"
    config.load_checkpoint.write_bytes(b"")
    config.machine.device_type = "cpu"
    config.choose(instruction="make it brighter", editor="procedural")
    config.check()
    assert config.pipeline.datamanager.dataparser.downscale_factor == factor


def test_a_preview_is_of_the_reduced_pictures(large: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    words = ["preview", str(large), "--instruction", "make it brighter", "--editor", "procedural", "--count", "1"]
    assert main([*words, "--output", str(tmp_path / "out")]) == 0
    assert WHOLE in capfd.readouterr().err
    assert main([*words, "--output", str(tmp_path / "out"), "--downscale-factor", "0"]) == USER_ERROR
