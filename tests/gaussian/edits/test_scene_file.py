"""Editing a file of splats that came without photographs."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import editor3d
from editor3d.cli import main
from editor3d.datasets.images import read_image
from editor3d.errors import ConfigError, DataError
from editor3d.types import Around
from gaussian.around import cameras_around, core_of, intrinsics
from gaussian.files import read_splats, write_splats
from gaussian.scene_file import FileViews, open_scene_file, posed_around
from gaussian.splats import SH_C0, Splats

SMALL = Around(cameras=9, side=32)


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
    capture, base = open_scene_file(tmp_path / "ball.ply", tmp_path / "out", SMALL)
    posed = editor3d.load(capture).posed_images
    assert len(posed.views) == 9
    stamp = (capture / "transforms.json").stat().st_mtime_ns
    assert open_scene_file(tmp_path / "ball.ply", tmp_path / "out", SMALL) == (capture, base)
    assert (capture / "transforms.json").stat().st_mtime_ns == stamp
    state = torch.load(next((base / "nerfstudio_models").glob("*.ckpt")), weights_only=True)
    assert torch.equal(state["pipeline"]["_model.gauss_params.means"], ball().means)


def test_a_region_of_a_file_leaves_the_rest_bit_for_bit(tmp_path):
    splats = ball()
    write_splats(tmp_path / "ball.ply", splats)
    capture, base = open_scene_file(tmp_path / "ball.ply", tmp_path / "out", SMALL)
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
    assert (
        main(
            [
                *arguments,
                "--steps",
                "2",
                "--cameras",
                "9",
                "--side",
                "32",
                "--up",
                "z",
                "--output",
                str(tmp_path / "out"),
            ]
        )
        == 0
    )
    (scene,) = (tmp_path / "out").rglob("scene.ply")
    assert len(read_splats(scene)) == 200
    assert len(read_splats(scene.with_suffix(".splat"))) == 200  # the format that it came in, too


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
        ["--instruction", "make it gold", "--region", "object:ball"],
        ["--instruction", "make it gold", "--cameras", "1"],
        ["--instruction", "make it gold", "--side", "0"],
        ["--instruction", "make it gold", "--up", "0,0,0"],
        ["--instruction", "make it gold", "--up", "w"],
    ],
)
def test_what_is_refused_leaves_nothing_behind(flags, tmp_path, capsys):
    write_splats(tmp_path / "ball.ply", ball())
    assert main(["edit", str(tmp_path / "ball.ply"), *flags, "--output", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.strip()
    assert not (tmp_path / "out").exists()


def test_cameras_stand_upright_whatever_is_up(tmp_path):
    posed = posed_around(ball(), tmp_path, Around(cameras=9, side=32, up=(0.0, 0.0, 1.0)))
    assert all(view.c2w[2, 1] > 0 for view in posed.views)
    assert [view.split for view in posed.views] == ["test", *["train"] * 7, "test"]
    assert {(view.width, view.height) for view in posed.views} == {(32, 32)}


def test_a_preview_shows_the_views_that_an_edit_would_see(tmp_path):
    write_splats(tmp_path / "ball.ply", ball())
    capture, _ = open_scene_file(tmp_path / "ball.ply", tmp_path / "out", SMALL)
    seen = FileViews(tmp_path / "ball.ply", tmp_path / "preview", SMALL)
    named = {view.name: view for view in editor3d.load(capture).posed_images.views}
    assert [(view.name, view.split) for view in seen.posed.views] == [(v.name, v.split) for v in named.values()]
    chosen = seen.posed.views[1:3]
    seen.render(chosen)
    assert sorted(path.name for path in (tmp_path / "preview").rglob("*.png")) == [f"{v.name}.png" for v in chosen]
    for view in chosen:
        assert torch.equal(read_image(view), read_image(named[view.name]))


def test_the_command_line_previews_a_file(tmp_path, capsys):
    write_splats(tmp_path / "ball.spz", ball())
    words = ["preview", str(tmp_path / "ball.spz"), "--editor", "procedural", "--output", str(tmp_path / "previews")]
    words += ["--cameras", "9", "--side", "32", "--up", "z"]
    assert main([*words, "--instruction", "make it gold", "--views", "view_001,view_004"]) == 0
    assert [path.suffix for path in (tmp_path / "previews").iterdir()] == [".png"]
    assert main([*words, "--instruction", "make it gold", "--views", "view_9"]) == 2
    assert main([*words, "--instruction", "gibberish"]) == 2
    assert main(["preview", str(tmp_path), "--instruction", "make it gold", "--cameras", "9"]) == 2


def test_cameras_are_for_files_alone(tiny_capture):
    with pytest.raises(ConfigError, match="alone"):
        editor3d.load(tiny_capture, around=SMALL)
