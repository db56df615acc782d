"""Deleting, copying and recolouring splats directly: what is not selected keeps its numbers, and inputs their files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import editor3d
from editor3d.cli import main
from editor3d.datasets import load_posed_images
from editor3d.errors import ConfigError, DataError, Editor3DError, RegionError
from editor3d.geometry.camera import Camera
from editor3d.plugin.results.runs import open_run
from editor3d.types import Around
from gaussian.edit.scene_file import FileViews
from gaussian.files import read_splats, write_splats
from gaussian.splats import SH_C0, Splats, select

SMALL = Around(cameras=9, side=32)
RIGHT = "box:2,0,0,1.5,3,3"


def two_blobs(n: int = 200) -> Splats:
    """Half of the Gaussians round x = -2, half round x = 2."""
    generator = torch.Generator().manual_seed(0)
    means = torch.randn(n, 3, generator=generator) * 0.3
    means[:, 0] += torch.where(torch.arange(n) % 2 == 1, 2.0, -2.0)
    sh = torch.rand(n, 4, 3, generator=generator) * 0.4 - 0.2
    return Splats(
        means, torch.full((n, 3), -1.2), torch.randn(n, 4, generator=generator), torch.full((n,), 3.0), sh
    )  # fmt: skip


def rows(splats: Splats) -> torch.Tensor:
    """[N, everything]."""
    return torch.cat(
        [splats.means, splats.log_scales, splats.quats, splats.opacity_logits[:, None], splats.sh.flatten(1)], 1
    )


@pytest.fixture
def file(tmp_path) -> Path:
    write_splats(tmp_path / "scene.ply", two_blobs())
    return tmp_path / "scene.ply"


def test_deleting_keeps_the_others_and_shows_what_is_open(file, tmp_path):
    splats = two_blobs()
    change = editor3d.change_splats(file, RIGHT, tmp_path / "out" / "left.ply", delete=True, around=SMALL)
    assert (change.selected, change.total, change.written) == (100, 200, 100)
    assert torch.equal(rows(read_splats(change.output)), rows(splats)[splats.means[:, 0] < 0])
    assert torch.equal(rows(read_splats(file)), rows(splats))  # the input
    holes = change.holes
    assert (holes.views, holes.folder) == (9, tmp_path / "out" / "left_holes")
    masks = {path.stem: np.array(Image.open(path).convert("L")) for path in holes.folder.glob("*.png")}
    assert sum(int((mask > 0).sum()) for mask in masks.values()) == holes.pixels > 0
    assert sum(bool(mask.any()) for mask in masks.values()) == holes.open_views
    capture = load_posed_images(holes.capture)
    assert {view.name for view in capture.views} == set(masks)
    pictures = {view.name: np.array(Image.open(view.image_path)) for view in capture.views}
    shown = np.concatenate([pictures[name][mask > 0] for name, mask in masks.items()])
    assert shown.mean() < 40 < np.concatenate([picture[picture > 0] for picture in pictures.values()]).mean()


def test_copies_are_moved_and_the_rest_stays(file, tmp_path):
    splats = two_blobs()
    change = editor3d.change_splats(file, RIGHT, tmp_path / "out.ply", duplicate=(0.0, -1.5, 0.25))
    after = read_splats(tmp_path / "out.ply")
    assert change.written == 300
    assert torch.equal(rows(after)[:200], rows(splats))
    right = splats.means[:, 0] > 0
    assert torch.equal(after.means[200:], splats.means[right] + torch.tensor([0.0, -1.5, 0.25]))
    assert torch.equal(after.sh[200:], splats.sh[right])
    assert change.holes is None


def test_recolouring_changes_the_constant_colour_alone(file, tmp_path):
    splats = two_blobs()
    right = splats.means[:, 0] > 0
    editor3d.change_splats(file, RIGHT, tmp_path / "out.ply", recolor="#ff8000")
    after = read_splats(tmp_path / "out.ply")
    assert torch.equal(rows(select(after, ~right)), rows(select(splats, ~right)))
    assert torch.equal(after.means, splats.means)
    assert torch.equal(after.sh[:, 1:], splats.sh[:, 1:])
    mean = (0.5 + SH_C0 * after.sh[right, 0]).mean(0)
    assert torch.allclose(mean, torch.tensor([1.0, 128 / 255, 0.0]), atol=0.06)
    half = editor3d.change_splats(file, RIGHT, tmp_path / "half.ply", recolor="#ff8000", strength=0.5).output
    between = (0.5 + SH_C0 * read_splats(half).sh[right, 0]).mean(0)
    own = (0.5 + SH_C0 * splats.sh[right, 0]).mean(0)
    assert torch.allclose(between, 0.5 * (own + torch.tensor([1.0, 128 / 255, 0.0])), atol=0.01)


def test_objects_and_masks_select_of_a_run(splat_base, tiny_capture, tmp_path):
    _, pipeline = open_run(splat_base)
    scene = pipeline.model.captured(pipeline.datamanager.train_dataparser_outputs).splats
    change = editor3d.change_splats(splat_base, "object:ball", tmp_path / "without.ply", delete=True)
    kept = {tuple(row.tolist()) for row in rows(scene)}
    after = rows(read_splats(tmp_path / "without.ply"))
    assert len(after) == change.written == change.total - change.selected
    assert 0 < change.selected < change.total
    assert all(tuple(row.tolist()) in kept for row in after)
    views = load_posed_images(tiny_capture).train_views
    assert sorted(path.stem for path in change.holes.folder.glob("*.png")) == sorted(view.name for view in views)
    assert change.holes.capture is None
    folder = tmp_path / "masks"
    folder.mkdir()
    for view in views:
        labels = np.array(Image.open(view.labels_path))
        Image.fromarray((labels == 1).astype(np.uint8) * 255).save(folder / f"{view.name}.png")
    same = editor3d.change_splats(splat_base, f"masks:{folder}", tmp_path / "same.ply", delete=True)
    assert (tmp_path / "same.ply").read_bytes() == (tmp_path / "without.ply").read_bytes()
    assert same.holes.pixels == change.holes.pixels


@pytest.mark.parametrize(
    ("select", "change", "error", "match"),
    [
        ("object:ball", {"delete": True}, RegionError, "no views"),
        ("sphere:50,0,0,1", {"delete": True}, RegionError, "none of 200"),
        ("sphere:0,0,0,50", {"delete": True}, RegionError, "all of them"),
        ("sphere:1,2", {"delete": True}, RegionError, "instead of 4"),
        (RIGHT, {}, ConfigError, "one change"),
        (RIGHT, {"delete": True, "recolor": "red"}, ConfigError, "one change"),
        (RIGHT, {"recolor": "blurple"}, ConfigError, "blurple"),
        (RIGHT, {"recolor": "red", "strength": 2.0}, ConfigError, "0 to 1"),
        (RIGHT, {"delete": True, "strength": 0.5}, ConfigError, "colour to go with"),
        (RIGHT, {"duplicate": (0.0, float("nan"), 0.0)}, ConfigError, "three numbers"),
        (RIGHT, {"recolor": "red", "around": SMALL}, ConfigError, "deletion"),
    ],
)
def test_what_is_refused_writes_nothing(file, tmp_path, select, change, error, match):
    with pytest.raises(error, match=match):
        editor3d.change_splats(file, select, tmp_path / "out" / "new.ply", **change)
    assert not (tmp_path / "out").exists()


def test_the_input_is_never_written_over(file, splat_base, tmp_path, monkeypatch):
    before = file.read_bytes()
    monkeypatch.chdir(tmp_path)
    link = tmp_path / "link.ply"
    link.symlink_to(file)
    for same in (file, Path("scene.ply"), link):
        with pytest.raises(ConfigError, match="another output"):
            editor3d.change_splats(file, RIGHT, same, recolor="red")
    with pytest.raises(ConfigError, match="another output"):
        editor3d.change_splats(splat_base, "object:ball", splat_base / "scene.ply", recolor="red")
    assert file.read_bytes() == before


def test_an_output_that_cannot_be_written_leaves_what_was_there(file, tmp_path):
    (tmp_path / "blocked").write_text("a file")
    with pytest.raises(Editor3DError, match="Could not write"):
        editor3d.change_splats(file, RIGHT, tmp_path / "blocked" / "new.ply", recolor="red")
    with pytest.raises(DataError, match=r"\.xyz"):
        editor3d.change_splats(file, RIGHT, tmp_path / "new.xyz", recolor="red")
    assert (tmp_path / "blocked").read_text() == "a file"


def test_a_scene_of_another_kind_is_refused(tiny_base, tmp_path):
    with pytest.raises(ConfigError, match="Gaussian splats"):
        editor3d.change_splats(tiny_base, "object:ball", tmp_path / "new.ply", delete=True)
    (tmp_path / "notes.txt").write_text("no scene")
    for name in ("nowhere.ply", "nowhere", "notes.txt"):
        with pytest.raises(DataError, match="no such file|a file of splats"):
            editor3d.change_splats(tmp_path / name, RIGHT, tmp_path / "new.ply", delete=True)


def test_the_command_says_what_it_did(file, tmp_path, capsys):
    words = ["splats", str(file), "--select", RIGHT, "--output", str(tmp_path / "new.spz")]
    assert main([*words, "--delete", "--cameras", "9", "--side", "32", "--up=-z"]) == 0
    told = capsys.readouterr().out
    assert "100 of 200 Gaussians deleted, 100 written" in told
    assert "of 9 views are open" in told
    assert main([*words, "--duplicate=-1,0,0"]) == 0
    assert "100 of 200 Gaussians copied, 300 written" in capsys.readouterr().out
    assert main([*words, "--recolor", "#336699"]) == 0
    assert main([*words, "--duplicate", "1,2"]) == 2
    assert main([*words, "--delete", "--up", "0,0,0"]) == 2
    assert "error:" in capsys.readouterr().err


def test_strokes_in_space_and_in_views_select_a_blob(file, tmp_path):
    splats = two_blobs()
    right = splats.means[:, 0] > 0
    strokes = [
        {"points": splats.means[right][:3].tolist()},
        {"points": splats.means[~right][:3].tolist(), "inside": False},
    ]
    (tmp_path / "strokes.json").write_text(json.dumps({"strokes": strokes}))
    change = editor3d.change_splats(file, f"strokes:{tmp_path / 'strokes.json'}", tmp_path / "out.ply", recolor="red")
    after = read_splats(change.output)
    assert change.selected == 100
    assert torch.equal(rows(after)[~right], rows(splats)[~right])
    posed = FileViews(file, tmp_path / "views", SMALL).posed
    view = posed.train_views[0]
    pixels, held = Camera.of_view(view).pixels(torch.stack([splats.means[right].mean(0), splats.means[~right].mean(0)]))
    assert held.all()
    drawn = [{"view": view.name, "pixels": [pixels[row].tolist()], "inside": row == 0} for row in (0, 1)]
    (tmp_path / "strokes.json").write_text(json.dumps({"strokes": drawn}))
    seen = editor3d.change_splats(
        file, f"strokes:{tmp_path / 'strokes.json'}", tmp_path / "seen.ply", recolor="red", around=SMALL
    )
    assert seen.selected == 100
    assert torch.equal(rows(read_splats(seen.output)), rows(after))
