"""What `editor3d.load` makes of a path."""

from __future__ import annotations

import pytest

from editor3d import api
from editor3d.cli import main
from editor3d.errors import ConfigError
from editor3d.types import Around


def test_a_run_keeps_its_downscale_factor(tiny_base, tiny_capture):
    assert api.load(tiny_base) == api.load(tiny_base, downscale_factor=1) == api.Scene(tiny_capture, 1, base=tiny_base)
    with pytest.raises(ConfigError, match="keeps its own") as refusal:
        api.load(tiny_base, downscale_factor=2)
    assert str(tiny_capture) in str(refusal.value)
    assert api.load(tiny_capture, downscale_factor=2).downscale_factor == 2


def test_the_command_refuses_another_one_before_anything_is_written(tiny_base, tmp_path, capsys):
    words = ["edit", str(tiny_base), "--instruction", "make it night", "--output", str(tmp_path / "out")]
    assert main([*words, "--downscale-factor", "2"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: Expected no downscale factor for a run")
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_file_of_splats_has_no_pictures_to_be_read_smaller(tmp_path):
    (tmp_path / "statue.ply").write_bytes(b"ply\n")
    assert api.load(tmp_path / "statue.ply").is_file
    with pytest.raises(ConfigError, match="file of splats"):
        api.load(tmp_path / "statue.ply", downscale_factor=2)


def test_a_draft_is_half_as_large_whatever_the_scene_is(tiny_base, tiny_capture, tmp_path):
    assert api.load(tiny_capture, draft=True).downscale_factor == 2
    assert api.load(tiny_base, draft=True) == api.load(tiny_base)
    (tmp_path / "statue.ply").write_bytes(b"ply\n")
    usual, draft = (api.load(tmp_path / "statue.ply", around=Around(cameras=9, **side)) for side in ({}, {"side": 64}))
    assert api.load(tmp_path / "statue.ply", draft=True).around.pixels * 2 == usual.around.pixels
    assert api.load(tmp_path / "statue.ply", around=draft.around, draft=True) == draft
    with pytest.raises(ConfigError, match="draft or a downscale factor"):
        api.load(tiny_capture, draft=True, downscale_factor=2)
