"""Editing a file of splats that came without photographs."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import editor3d
from editor3d.cli import main
from editor3d.errors import DataError
from gaussian.around import cameras_around, core_of, intrinsics
from gaussian.files import read_splats, write_splats
from gaussian.scene_file import open_scene_file
from gaussian.splats import SH_C0, Splats


def ball(n: int = 600, radius: float = 3.0, centre=(10.0, -4.0, 2.0), seed: int = 0) -> Splats:
    """A shell of round Gaussians coloured by direction."""
    generator = torch.Generator().manual_seed(seed)
    direction = torch.nn.functional.normalize(torch.randn(n, 3, generator=generator), dim=-1)
    quats = torch.randn(n, 4, generator=generator)
    return Splats(
        direction * radius + torch.tensor(centre),
        torch.full((n, 3), 0.25 * radius).log(),
        quats,
        torch.full((n,), 2.0),
        (0.3 * direction / SH_C0)[:, None],
    )


def test_cameras_look_at_the_scene_from_outside():
    splats = ball()
    centre, radius = core_of(splats)
    assert torch.allclose(centre.float(), torch.tensor([10.0, -4.0, 2.0]), atol=0.3)
    assert radius == pytest.approx(3.0, rel=0.15)
    c2ws = cameras_around(splats, 12, (0.0, -1.0, 0.0))
    assert c2ws.shape == (12, 3, 4)
    offsets = c2ws[:, :, 3] - centre.numpy()
    assert (np.linalg.norm(offsets, axis=1) > 3.0).all()
    forward = -c2ws[:, :, 2]
    assert np.allclose(forward, -offsets / np.linalg.norm(offsets, axis=1, keepdims=True), atol=1e-6)
    assert (c2ws[:, :, 1] @ [0.0, -1.0, 0.0] > 0).all()  # upright
    assert intrinsics(64, 48)[1, 2] == 24


def test_a_scene_keeps_its_frame_and_is_found_again(tmp_path):
    write_splats(tmp_path / "ball.ply", ball())
    capture, base = open_scene_file(tmp_path / "ball.ply", tmp_path / "out", views=9, side=32)
    posed = editor3d.load(capture).posed_images
    assert len(posed.views) == 9
    stamp = (capture / "transforms.json").stat().st_mtime_ns
    assert open_scene_file(tmp_path / "ball.ply", tmp_path / "out", views=9, side=32) == (capture, base)
    assert (capture / "transforms.json").stat().st_mtime_ns == stamp
    state = torch.load(next((base / "nerfstudio_models").glob("*.ckpt")), weights_only=True)
    assert torch.equal(state["pipeline"]["_model.gauss_params.means"], ball().means)


def test_a_region_of_a_file_leaves_the_rest_bit_for_bit(tmp_path, monkeypatch):
    monkeypatch.setattr("gaussian.scene_file.VIEWS", 6)
    splats = ball()
    write_splats(tmp_path / "ball.ply", splats)
    capture, base = open_scene_file(tmp_path / "ball.ply", tmp_path / "out", views=9, side=32)
    scene = editor3d.Scene(capture, base=base)
    edit = scene.edit("make it gold", editor="procedural", steps=4, output=tmp_path / "out", region="box:12,-4,2,2,4,4")
    after = read_splats(edit.folder / "scene.ply")
    outside = splats.means[:, 0] < 10.0
    kept = {tuple(row.tolist()) for row in torch.cat([after.means, after.log_scales, after.sh[:, 0]], 1)}
    wanted = torch.cat([splats.means, splats.log_scales, splats.sh[:, 0]], 1)[outside]
    assert all(tuple(row.tolist()) in kept for row in wanted)
    assert not all(tuple(row.tolist()) in kept for row in torch.cat(
        [splats.means, splats.log_scales, splats.sh[:, 0]], 1)[~outside])  # fmt: skip
    assert json.loads((edit.folder / "edit.json").read_text())["method"] == "igs2gs"


@pytest.mark.slow
def test_the_command_line_edits_a_file(tmp_path):
    write_splats(tmp_path / "ball.splat", ball(200))
    arguments = ["edit", str(tmp_path / "ball.splat"), "--instruction", "make it gold", "--editor", "procedural"]
    assert main([*arguments, "--steps", "2", "--output", str(tmp_path / "out")]) == 0
    (scene,) = (tmp_path / "out").rglob("scene.ply")
    assert len(read_splats(scene)) == 200


def test_a_damaged_file_is_refused_before_anything_is_written(tmp_path):
    (tmp_path / "broken.ply").write_bytes(b"ply\nformat binary_little_endian 1.0\nelement vertex 1000000000000\n")
    with pytest.raises(DataError):
        editor3d.load(tmp_path / "broken.ply").edit("make it gold", output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_pictures_of_a_file_are_not_there_yet(tmp_path):
    write_splats(tmp_path / "ball.ply", ball(10))
    with pytest.raises(DataError, match="rendered"):
        _ = editor3d.load(tmp_path / "ball.ply").posed_images


@pytest.mark.parametrize(
    "flags",
    [
        ["--instruction", "make it gold", "--method", "splat"],
        ["--instruction", " "],
        ["--instruction", "make it gold", "--base", "nowhere"],
        ["--instruction", "make it gold", "--region", "sphere:1,2"],
    ],
)
def test_what_is_refused_leaves_nothing_behind(flags, tmp_path, capsys):
    write_splats(tmp_path / "ball.ply", ball())
    assert main(["edit", str(tmp_path / "ball.ply"), *flags, "--output", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.strip()
    assert not (tmp_path / "out").exists()
