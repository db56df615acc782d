"""A capture is parsed, and each of its pictures looked through, once a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

import editor3d
from editor3d.datasets.views import headers
from editor3d.edit_config import edit_config
from editor3d.options import EditOptions
from editor3d.plugin.bases.base import base_config


@pytest.fixture
def looked_through(monkeypatch) -> Counter:
    """How often each picture's header was read, by path below the capture."""
    count, open_picture = Counter(), headers.open_picture

    def counted(path):
        count[path.parent.name, path.name] += 1
        return open_picture(path)

    monkeypatch.setattr(headers, "open_picture", counted)
    return count


def once_each(capture) -> Counter:
    return Counter((path.parent.name, path.name) for path in sorted(capture.glob("*/*.png")))


def test_an_edit_checks_plans_and_begins_by_one_reading(tiny_edit, tiny_capture, start: Callable, looked_through):
    trainer = start(tiny_edit(instruction="make the ball gold"))
    assert trainer.planned().condition_on == "base"
    assert looked_through == once_each(tiny_capture)


def test_an_opened_scene_is_edited_as_it_was_read(tiny_capture, tmp_path, looked_through):
    scene = editor3d.load(tiny_capture)
    assert len(scene.posed_images.views) == 10
    config = edit_config(scene, EditOptions("make it night", method="in2n", editor="procedural", output=tmp_path))
    config.check()
    base_config("voxel", config, steps=None).check()
    assert looked_through == once_each(tiny_capture)


def test_other_settings_read_it_anew(tiny_edit, tiny_capture, looked_through):
    config = tiny_edit()
    config.check()
    parser = config.pipeline.datamanager.dataparser
    parser.downscale_factor = 2
    assert {view.width for view in config.capture().views} == {12}
    assert set(looked_through.values()) == {2}
