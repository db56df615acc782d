"""Edits of colours on a voxel field: they begin with least squares, and its density keeps every bit."""

from __future__ import annotations

import pytest
import torch

from editor3d.run.record import read_record

BALL = "sphere:0,0,0,0.7"


def off(trainer) -> float:
    """How far the first training view is from its picture."""
    pipeline = trainer.pipeline
    shown = pipeline.render_view(pipeline.datamanager.train_dataset.cameras, 0)["rgb"]
    return (shown - pipeline.datamanager.train_pictures[0].float() / 255.0).abs().mean().item()


@pytest.mark.parametrize("options", [{"quick": True}, {"quick": True, "region": BALL}, {"edits": 3, "steps": 2}])
def test_colours_alone_are_fitted_before_the_first_step(tiny_edit, start, options):
    trainer = start(tiny_edit(**options))
    before = trainer.pipeline.model.field.grid.detach().clone()
    assert trainer.fit()
    after, frozen = trainer.pipeline.model.field.grid.detach(), trainer.pipeline.model._frozen
    assert torch.equal(after[..., 0], before[..., 0])
    changed = (after != before).any(-1).flatten()
    assert changed.any()
    if frozen is not None:
        assert not (changed & frozen).any()
    fitted = off(trainer)
    trainer.pipeline.model.field.grid.data.copy_(before)
    assert fitted < 0.7 * off(trainer)
    assert (trainer.base_dir / "first_3d.png").is_file()
    assert read_record(trainer.base_dir / "edit.json").steps == options.get("steps", 1)
