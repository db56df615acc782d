"""Files of splats millions of units from the origin."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pygltflib
import pytest
import torch
import trimesh

from editor3d.cli import main
from editor3d.datasets import load_posed_images
from editor3d.errors import DataError
from editor3d.types import Around
from gaussian.edit.scene_file import FileViews, open_scene_file
from gaussian.files import convert, read_file, read_splats, write_splats
from gaussian.files.contents import SplatFile
from gaussian.files.placement import sidecar
from gaussian.splats import SH_C0, Splats

PLACES = [(540_000.0, 5_400_000.0, -1.0), (0.0, 1e7, 0.0), (4_200_123.4, 172_345.6, 4_780_567.8)]


def ball(count: int = 400) -> Splats:
    """A ball of half a unit, its upper half white."""
    generator = torch.Generator().manual_seed(0)
    means = torch.nn.functional.normalize(torch.randn(count, 3, generator=generator), dim=-1) * 0.5
    color = torch.where(means[:, 2:] > 0, 1.0, 0.2).expand(-1, 3)
    quats = torch.tensor([[1.0, 0, 0, 0]]).expand(count, 4)
    return Splats(means, torch.full((count, 3), -2.5), quats, torch.full((count,), 3.0), (color[:, None] - 0.5) / SH_C0)


@pytest.fixture
def doubles(ply, table) -> Callable[[Splats, tuple[float, ...]], bytes]:
    """Makes a .ply with coordinates as doubles."""

    def make(splats: Splats, place: tuple[float, ...]) -> bytes:
        far = splats.means.double().numpy() + place
        columns = table(splats) | {name: ("double", far[:, axis]) for axis, name in enumerate("xyz")}
        return ply({name: columns[name] for name in table(splats)})

    return make


def same_but_means(one: Splats, other: Splats) -> bool:
    names = [field.name for field in fields(Splats) if field.name != "means"]
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in names)


@pytest.mark.parametrize("place", PLACES)
def test_double_coordinates_keep_their_digits(tmp_path, place, doubles):
    splats = ball()
    (tmp_path / "scene.ply").write_bytes(doubles(splats, place))
    for _ in range(2):
        contents = read_file(tmp_path / "scene.ply")
        off = (contents.centres - torch.tensor(place, dtype=torch.float64) - splats.means.double()).abs().max()
        assert off < 1e-6
        assert contents.splats.means.abs().max() < 4
        convert(tmp_path / "scene.ply", tmp_path / "again.ply")  # the coordinates are written as they came
        assert not sidecar(tmp_path / "again.ply").exists()
        assert b"comment" not in (tmp_path / "again.ply").read_bytes()[:400]
        (tmp_path / "again.ply").rename(tmp_path / "scene.ply")


@pytest.mark.parametrize("suffix", [".ply", ".splat"])
def test_far_float_coordinates_are_written_as_they_came(tmp_path, suffix, ply, table):
    far = replace(ball(), means=(ball().means.double() * 40 + torch.tensor(PLACES[0])).float())
    (tmp_path / "scene.ply").write_bytes(ply(table(far)))
    convert(tmp_path / "scene.ply", tmp_path / f"again{suffix}")
    assert not sidecar(tmp_path / f"again{suffix}").exists()
    assert torch.equal(read_splats(tmp_path / f"again{suffix}").means, far.means)
    assert any(read_file(tmp_path / f"again{suffix}").offset)


@pytest.mark.parametrize("suffix", [".ply", ".spz", ".splat"])
@pytest.mark.parametrize("place", PLACES)
def test_an_offset_is_stated_and_read_back(tmp_path, suffix, place):
    path = tmp_path / f"scene{suffix}"
    write_splats(path, SplatFile(ball(), place))
    beside = json.loads(sidecar(path).read_text())
    assert beside["offset"] == list(place)
    assert ("signs" in beside["meaning"]) == (suffix == ".spz")
    contents = read_file(path)
    assert contents.offset == place
    assert torch.allclose(contents.splats.means, ball().means, atol=1e-5)
    if suffix == ".ply":
        assert same_but_means(contents.splats, ball())
        sidecar(path).unlink()
        assert read_file(path).offset == place
        assert f"comment offset {place[0]!r}".encode() in path.read_bytes()
    write_splats(path, ball())  # near the origin: nothing of before is left to be added
    assert not sidecar(path).exists()
    assert not any(read_file(path).offset)


def test_an_offset_beside_a_file_that_lost_its_comment_is_added_and_said(tmp_path, capsys):
    write_splats(tmp_path / "scene.ply", SplatFile(ball(), PLACES[0]))
    bare = (tmp_path / "scene.ply").read_bytes().split(b"\n", 3)
    (tmp_path / "scene.ply").write_bytes(b"\n".join([*bare[:2], bare[3]]))
    assert read_file(tmp_path / "scene.ply").offset == PLACES[0]
    read_splats(tmp_path / "scene.ply")
    assert "scene.ply.offset.json" in capsys.readouterr().err
    for wrong in ("[]", '{"offset": [1, 2]}', '{"offset": [1, 2, "x"]}', '{"offset": [1, 2, NaN]}', "{"):
        sidecar(tmp_path / "scene.ply").write_text(wrong)
        with pytest.raises(DataError, match="offset"):
            read_file(tmp_path / "scene.ply")


@pytest.mark.parametrize("suffix", [".spz", ".splat"])
@pytest.mark.parametrize(("before", "after"), [(PLACES[0], PLACES[1]), (PLACES[0], None), (None, PLACES[1])])
@pytest.mark.parametrize("killed_at", range(4))
def test_a_kill_leaves_each_file_with_its_own_offset(tmp_path, monkeypatch, suffix, before, after, killed_at):
    """Each replacement of a file by another may be the last thing that a process does."""
    path, nowhere = tmp_path / f"scene{suffix}", (0.0, 0.0, 0.0)
    write_splats(path, SplatFile(ball(400), before or nowhere))
    replace_file, unlink, left = os.replace, Path.unlink, [killed_at]

    class Killed(BaseException):
        pass

    def counted(act):
        def acting(*args, **more):
            if "offset.json" in str(args[-1]) or args[-1] == path:
                if not left[0]:
                    raise Killed
                left[0] -= 1
            return act(*args, **more)

        return acting

    with monkeypatch.context() as patched, suppress(Killed):
        patched.setattr("os.replace", counted(replace_file))
        patched.setattr(Path, "unlink", counted(unlink))
        write_splats(path, SplatFile(ball(300), after or nowhere))
    found = read_file(path)
    assert found.offset == ((after if len(found) == 300 else before) or nowhere)
    assert killed_at or len(found) == 400
    write_splats(path, SplatFile(ball(200), PLACES[2]))
    assert (len(read_file(path)), read_file(path).offset) == (200, PLACES[2])
    assert json.loads(sidecar(path).read_text()).keys() == {"offset", "meaning"}


def test_gltf_places_the_scene_by_its_node(tmp_path):
    write_splats(tmp_path / "scene.glb", SplatFile(ball(), PLACES[2]))
    x, y, z = PLACES[2]
    assert pygltflib.GLTF2().load(tmp_path / "scene.glb").nodes[0].translation == [-x, -y, z]
    assert not sidecar(tmp_path / "scene.glb").exists()


@pytest.mark.parametrize("place", PLACES)
def test_a_region_of_a_far_file_holds_to_the_digit(tmp_path, place, doubles):
    (tmp_path / "scene.ply").write_bytes(doubles(ball(), place))
    region = f"box:{','.join(repr(float(number)) for number in place)},9,9,0.25"
    words = ["--select", region, "--recolor", "red", "--output", str(tmp_path / "out.ply")]
    assert main(["splats", str(tmp_path / "scene.ply"), *words]) == 0
    after = read_file(tmp_path / "out.ply")
    changed = (after.splats.sh != ball().sh).any(-1).any(-1)
    z = ball().means[:, 2].abs()
    assert changed[z < 0.249].all()
    assert not changed[z > 0.251].any()
    off = (after.centres - torch.tensor(place, dtype=torch.float64) - ball().means.double()).abs().max()
    assert off < 1e-6


def test_a_far_file_is_looked_at_as_it_is_near(tmp_path, doubles):
    write_splats(tmp_path / "near.ply", ball())
    (tmp_path / "far.ply").write_bytes(doubles(ball(), PLACES[0]))
    around = Around(cameras=6, side=32, up=(0.0, 0.0, 1.0))
    shown = []
    for name in ("near", "far"):
        views = FileViews(tmp_path / f"{name}.ply", tmp_path / name, around)
        shown.append((torch.stack(views.small(32)), np.stack([view.c2w for view in views.posed.views])))
    assert torch.allclose(shown[0][0], shown[1][0], atol=2e-3)
    assert shown[0][0].std() > 0.1
    assert np.abs(shown[1][1][:, :, 3] - PLACES[0] - shown[0][1][:, :, 3]).max() < 1e-4
    there = replace(around, center=PLACES[0], distance=2.0)
    views = FileViews(tmp_path / "far.ply", tmp_path / "there", there).posed.views
    distances = [np.linalg.norm(view.c2w[:, 3] - PLACES[0]) for view in views]
    assert np.allclose(distances, 2.0, atol=1e-6)


def test_a_far_file_becomes_a_base_whose_scene_is_the_file(tmp_path, doubles):
    path: Path = tmp_path / "far.ply"
    path.write_bytes(doubles(ball(), PLACES[0]))
    around = Around(cameras=4, side=24, up=(0.0, 0.0, 1.0))
    capture, run = open_scene_file(path, tmp_path / "runs", around)
    posed = load_posed_images(capture)
    assert np.abs(posed.points.mean(0) - PLACES[0]).max() < 0.2
    out = tmp_path / "out.ply"
    assert main(["export", str(run), "--format", "splats", "--output", str(out)]) == 0
    off = (read_file(out).centres - torch.tensor(PLACES[0], dtype=torch.float64) - ball().means.double()).abs().max()
    assert off < 1e-5
    assert json.loads(sidecar(out).read_text())["offset"] == list(read_file(out).offset)
    points = tmp_path / "points.ply"
    words = ["--format", "pointcloud", "--num-points", "600", "--radius", "9", "--output", str(points)]
    assert main(["export", str(run), *words]) == 0
    distance = np.linalg.norm(trimesh.load(points).vertices - PLACES[0], axis=1)
    assert len(distance) > 50
    assert np.quantile(distance, 0.9) < 0.7
