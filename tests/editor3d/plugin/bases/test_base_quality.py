"""Whether a reconstruction shows its scene, and what becomes of an edit of one that does not."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from editor3d.errors import CheckpointError
from editor3d.metrics.image import psnr
from editor3d.plugin.bases.quality import QUALITY_FILE, BaseQuality, _MeanPictures, _sparse, kept_quality, report_base
from editor3d.run.record import read_record


def read(path: Path) -> dict:
    return json.loads(path.read_text())


@pytest.mark.usefixtures("small_voxels")
def test_a_bad_base_is_refused_at_every_start_unless_forced(tiny_edit, start, capsys):
    def config(name: str, **own):
        return tiny_edit(timestamp=name, load_dir=None, base_steps=1, steps=2, **own)

    first = config("first")
    with pytest.raises(CheckpointError, match=r"(?s)better than the mean.*1 steps of the usual 600.*--force"):
        start(first)
    assert not first.get_base_dir().exists()
    (kept,) = first.get_base_dir().parent.parent.glob("voxel/base-*")
    assert read(kept / QUALITY_FILE)["psnr"] <= read(kept / QUALITY_FILE)["bound"]
    assert "Warning" in capsys.readouterr().out
    written = (kept / QUALITY_FILE).stat().st_mtime_ns
    with pytest.raises(CheckpointError, match="better than the mean"):
        start(config("second"))
    assert (kept / QUALITY_FILE).stat().st_mtime_ns == written  # it was neither made nor judged again
    capsys.readouterr()
    trainer = start(config("third", force=True))
    assert "Warning" in capsys.readouterr().out
    assert trainer.fit()
    metrics = read_record(trainer.base_dir / "edit.json").metrics
    assert metrics["base_psnr"] <= metrics["base_bound"]


@pytest.mark.usefixtures("small_voxels")
def test_the_quality_of_a_base_is_printed_once_a_start(tiny_edit, start, capsys):
    """By the one that made it where it is new, by the edit where it was kept."""
    for name in ("new", "kept"):
        start(tiny_edit(timestamp=name, load_dir=None, base_steps=1, steps=2, force=True))
        said = capsys.readouterr().out
        assert (said.count("Base:"), said.count("Warning:")) == (1, 1)


@pytest.mark.usefixtures("small_voxels")
def test_ns_train_ends_with_exit_code_2(tiny_edit, capsys):
    config = tiny_edit(load_dir=None, base_steps=1, steps=2)
    config.save_config()
    trainer = config.setup(local_rank=0, world_size=1)
    with pytest.raises(SystemExit) as ended:
        trainer.setup()
    assert ended.value.code == 2
    assert "--force" in capsys.readouterr().err


def test_a_good_base_is_said_to_be_so(tiny_edit, tiny_base, start, capsys):
    trainer = start(tiny_edit())
    said = "".join(capsys.readouterr().out.split())
    assert "Base:14.3dBon2held-outviews(bound14.1)" in said
    assert "Warning" not in said
    assert read(tiny_base / QUALITY_FILE) == read(trainer.base_dir / QUALITY_FILE)


def test_an_edit_is_not_held_against_photographs(tiny_edit, start, finished):
    edited = finished(tiny_edit(steps=1, timestamp="edited"))
    (edited / QUALITY_FILE).unlink()
    trainer = start(tiny_edit(load_dir=edited, steps=1))
    assert not (trainer.base_dir / QUALITY_FILE).exists()


def test_the_bound_is_what_the_better_mean_says():
    generator = np.random.default_rng(0)
    sky = np.zeros((40, 60, 3), np.uint8)
    sky[:20] = 200  # what all pictures have in common
    pictures = [np.clip(sky + generator.integers(-9, 10), 0, 255).astype(np.uint8) for _ in range(5)]
    photograph = torch.from_numpy(sky).float() / 255
    everywhere = torch.ones(40, 60, dtype=torch.bool)
    bound = _MeanPictures(pictures).best([(photograph[everywhere], everywhere)])
    assert bound > 25 > psnr(torch.full_like(photograph, 100 / 255), photograph) + 10
    upper = torch.zeros(40, 60, dtype=torch.bool)
    upper[:15] = True
    assert _MeanPictures(pictures).best([(photograph[upper], upper)]) > bound


def test_pictures_of_different_sizes_have_a_mean():
    pictures = [np.full(shape, 80, np.uint8) for shape in ((20, 30, 3), (300, 200, 3), (1, 1, 3))]
    assert _MeanPictures(pictures).best([(torch.full((63, 3), 80 / 255), torch.ones(7, 9, dtype=torch.bool))]) > 60


@pytest.mark.parametrize("value", [12.0, math.inf, math.nan])
def test_what_is_kept_is_read_back(tmp_path, value):
    quality = BaseQuality("step-1.ckpt", value, 11.5, 4, True, "a cause")
    report_base(tmp_path, quality)
    assert repr(kept_quality(tmp_path, Path("step-1.ckpt"))) == repr(quality)
    assert kept_quality(tmp_path, Path("step-2.ckpt")) is None
    assert quality.good == (not math.isnan(value))


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "{}", '{"psnr": []}', "\0", '{"checkpoint": "step-1.ckpt", "psnr": "x"}']
)
def test_a_damaged_file_is_as_good_as_none(tmp_path, text):
    (tmp_path / QUALITY_FILE).write_text(text)
    assert kept_quality(tmp_path, Path("step-1.ckpt")) is None


def test_large_pictures_are_judged_by_some_of_their_pixels():
    chosen = torch.zeros(100, 128, dtype=torch.bool)
    chosen[20:80] = True
    some = _sparse(chosen)
    assert some.sum() == 2048
    assert not (some & ~chosen).any()
    assert some.any(0).float().mean() > 0.99  # no stride along columns
    few = torch.zeros(100, 128, dtype=torch.bool)
    few[:10] = True
    assert torch.equal(_sparse(few), few)
