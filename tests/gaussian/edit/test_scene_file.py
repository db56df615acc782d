"""Editing a file of splats that came without photographs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import editor3d
from editor3d.cli import main
from editor3d.datasets.views.images import read_image
from editor3d.errors import ConfigError, DataError
from editor3d.types import Around
from gaussian.edit.scene_file import FileViews, open_scene_file, posed_around
from gaussian.files import read_splats, write_splats
from gaussian.files.contents import SplatFile
from gaussian.splats import SH_C0, Splats, concatenate
from gaussian.view.around import cameras_around

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
        ["--instruction", "make it gold", "--cameras", "2"],
        ["--instruction", "make it gold", "--cameras", "nowhere.json"],
        ["--instruction", "make it gold", "--cameras", ""],
        ["--instruction", "make it gold", "--cameras", "1e3"],
        ["--instruction", "make it gold", "--center", "1,2"],
        ["--instruction", "make it gold", "--center", "1,2,inf"],
        ["--instruction", "make it gold", "--distance", "0"],
        ["--instruction", "make it gold", "--distance", "nan"],
    ],
)
def test_what_is_refused_leaves_nothing_behind(flags, tmp_path, capsys):
    write_splats(tmp_path / "ball.ply", ball())
    assert main(["edit", str(tmp_path / "ball.ply"), *flags, "--output", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.strip()
    assert not (tmp_path / "out").exists()


def test_cameras_stand_upright_whatever_is_up(tmp_path):
    posed = posed_around(SplatFile(ball()), tmp_path, Around(cameras=9, side=32, up=(0.0, 0.0, 1.0)))
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


def rows_of(splats: Splats) -> torch.Tensor:
    return torch.cat(
        [splats.means, splats.log_scales, splats.quats, splats.opacity_logits[:, None], splats.sh[:, 0]], 1
    )


def test_an_edit_leaves_what_cameras_hardly_see_as_it_is(tmp_path):
    inside = replace(ball(300, radius=0.5, seed=1), opacity_logits=torch.full((300,), -5.2))
    splats = concatenate([ball(60), inside])
    write_splats(tmp_path / "ball.ply", splats)
    capture, base = open_scene_file(tmp_path / "ball.ply", tmp_path / "out", SMALL)
    edit = editor3d.Scene(capture, base=base).edit(
        "make it gold", editor="procedural", steps=12, output=tmp_path / "out"
    )
    after = read_splats(edit.folder / "scene.ply")
    kept = {tuple(row.tolist()) for row in rows_of(after)}
    assert all(tuple(row.tolist()) in kept for row in rows_of(splats)[-300:])
    assert not any(tuple(row.tolist()) in kept for row in rows_of(splats)[:60])


def test_the_command_line_previews_a_file(tmp_path, capsys):
    write_splats(tmp_path / "ball.spz", ball())
    words = ["preview", str(tmp_path / "ball.spz"), "--editor", "procedural", "--output", str(tmp_path / "previews")]
    words += ["--cameras", "9", "--side", "32", "--up", "z"]
    assert main([*words, "--instruction", "make it gold", "--views", "view_001,view_004"]) == 0
    names = sorted(path.name for path in (tmp_path / "previews").iterdir())
    assert names == ["ball-make-it-gold.png", "ball-views.png"]
    printed = capsys.readouterr().out.split()
    assert [Path(line).name for line in printed] == ["ball-views.png", "ball-make-it-gold.png"]
    assert main([*words, "--instruction", "make it gold", "--views", "view_9"]) == 2
    assert main([*words, "--instruction", "gibberish"]) == 2
    assert main(["preview", str(tmp_path), "--instruction", "make it gold", "--cameras", "9"]) == 2


def test_given_cameras_are_used_as_they_are(tmp_path):
    write_splats(tmp_path / "ball.ply", ball())
    poses = cameras_around(ball(), Around(cameras=9)).poses
    frames = [{"file_path": f"{k}.png", "transform_matrix": pose.tolist()} for k, pose in enumerate(poses)]
    lens = {"w": 40, "h": 30, "fl_x": 33.0, "fl_y": 34.0, "cx": 21.0, "cy": 14.0, "k1": 0.05}
    cameras = tmp_path / "somewhere.json"
    cameras.write_text(json.dumps({**lens, "frames": frames}))
    capture, _ = open_scene_file(tmp_path / "ball.ply", tmp_path / "out", Around(cameras=cameras))
    views = editor3d.load(capture).posed_images.views
    assert np.allclose(np.stack([view.c2w for view in views]), poses)
    assert {(v.width, v.height, v.fl_x, v.fl_y, v.cx, v.cy, v.distortion[0]) for v in views} == {tuple(lens.values())}
    # others in a file of the same name are another capture
    frames[0]["transform_matrix"][0][3] += 0.5
    cameras.write_text(json.dumps({**lens, "frames": frames}))
    assert open_scene_file(tmp_path / "ball.ply", tmp_path / "out", Around(cameras=cameras))[0] != capture
    with pytest.raises(ConfigError, match="up"):
        Around(cameras=cameras, up=(0, 0, 1))


def test_cameras_of_an_earlier_run_or_capture_are_used(tmp_path):
    write_splats(tmp_path / "ball.ply", ball())
    capture, base = open_scene_file(tmp_path / "ball.ply", tmp_path / "out", SMALL)
    poses = [view.c2w for view in editor3d.load(capture).posed_images.views]
    for given in (base, capture):
        again, _ = open_scene_file(tmp_path / "ball.ply", tmp_path / "out", Around(cameras=given))
        assert np.array_equal([view.c2w for view in editor3d.load(again).posed_images.views], poses)


def test_the_cameras_look_where_they_are_told_from_as_far_as_they_are_told():
    around = Around(cameras=9, center=(11.0, -4.0, 2.0), distance=9.0)
    c2ws = cameras_around(ball(), around).poses
    assert np.allclose(np.linalg.norm(c2ws[:, :, 3] - around.center, axis=1), 9.0)
    assert np.allclose(c2ws[:, :, 3] - 9.0 * c2ws[:, :, 2], around.center)


def test_what_the_file_says_is_up_is_up(tmp_path):
    write_splats(tmp_path / "ball.ply", ball())
    said = (
        (tmp_path / "ball.ply").read_bytes().replace(b"element vertex", b"comment Vertical Axis: z\nelement vertex", 1)
    )
    (tmp_path / "said.ply").write_bytes(said)
    assert all(view.c2w[2, 1] > 0 for view in FileViews(tmp_path / "said.ply", tmp_path, SMALL).posed.views)


def test_cameras_are_for_files_alone(tiny_capture):
    with pytest.raises(ConfigError, match="alone"):
        editor3d.load(tiny_capture, around=SMALL)
