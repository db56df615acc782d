"""Whole edits of a region in words."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from editor3d.errors import RegionError
from editor3d.plugin.confine.regions import REGION_FOLDER, kept_selection, select
from editor3d.regions import MasksRegion, parse_region, text_models
from editor3d.run.record import read_record

pytestmark = pytest.mark.usefixtures("no_weights")


def test_an_edit_by_an_objects_name_is_that_of_the_object(tiny_edit, start):
    trainer = start(tiny_edit(region="text:the ball", steps=2))
    assert trainer.fit()
    which = kept_selection(trainer.base_dir / REGION_FOLDER)
    with trainer._showing_base():
        assert torch.equal(which, select(trainer.pipeline, parse_region("object:ball")))
    region = read_record(trainer.base_dir / "edit.json").region
    assert {"type": "text", "text": "the ball", "parts": int(which.sum())}.items() <= region.items()


def test_what_cannot_be_found_is_refused_before_anything_is_made(tiny_edit):
    config = tiny_edit(region="text:the teapot")
    with pytest.raises(RegionError, match=r"objects \(ball\).*hf download"):
        config.check()
    assert not config.output_dir.exists()


def test_an_edit_by_models_is_that_of_the_masks_that_it_keeps(tiny_edit, start, weights, tmp_path, monkeypatch):
    monkeypatch.setattr(text_models, "BOX_THRESHOLD", 0.995)
    trainer = start(tiny_edit(region="text:the mug", steps=2))
    assert trainer.fit()
    folder = trainer.base_dir / REGION_FOLDER
    views = trainer.pipeline.train_views
    kept = {view.name: list(folder.glob(f"{view.name}.*.png")) for view in views}
    assert {len(paths) for paths in kept.values()} == {1}
    masks = MasksRegion(tmp_path / "masks")
    masks.folder.mkdir()
    for name, (path,) in kept.items():
        if np.array(Image.open(path)).any():  # a view in which nothing is found has no say
            (masks.folder / f"{name}.png").write_bytes(path.read_bytes())
    with trainer._showing_base():
        expected = select(trainer.pipeline, masks)
    assert torch.equal(kept_selection(folder), expected)
