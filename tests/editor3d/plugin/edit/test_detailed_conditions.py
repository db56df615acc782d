"""Renders of the base with the photographs' detail, for editors that work on small copies."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from editor3d import api
from editor3d.datasets.views.images import read_image
from editor3d.diffusion.sizing import resized
from editor3d.plugin.edit.conditions import with_detail
from editor3d.run.record import read_record

SIDE = 8
"""Pixels of the shorter side that the editors here work at; the tiny capture's pictures are 24x20."""
NAME = "procedural-noisy"

sizes = st.tuples(st.integers(9, 40), st.integers(9, 40))
seeds = st.integers(0, 2**32 - 1)


def eight_bits(picture: torch.Tensor) -> torch.Tensor:
    return (picture.clamp(0, 1) * 255).round().to(torch.uint8)


def pictures(size: tuple[int, int], seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two pictures [H, W, 3] in the middle of the range, so that nothing of their sums is cut off."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(0.45 + 0.1 * torch.rand(*size, 3, generator=generator) for _ in range(2))


@given(sizes, seeds)
def test_a_picture_with_its_own_detail_is_itself(size, seed):
    picture, _ = pictures(size, seed)
    torch.testing.assert_close(with_detail(picture, picture, SIDE), picture)


@given(sizes, seeds, st.sampled_from([40, 1000]))
def test_nothing_is_finer_than_the_full_size(size, seed, side):
    render, photograph = pictures(size, seed)
    assert with_detail(render, photograph, side) is render


@given(sizes, seeds, st.floats(-0.3, 0.3))
def test_a_photographs_exposure_is_no_detail(size, seed, brighter):
    render, photograph = pictures(size, seed)
    torch.testing.assert_close(with_detail(render, photograph + brighter, SIDE), with_detail(render, photograph, SIDE))


@given(sizes, seeds)
def test_what_the_editor_sees_is_the_render_and_what_it_does_not_the_photograph(size, seed):
    coarse, fine = pictures(size, seed)
    height, width = size
    scale = SIDE / min(size)
    small = (round(height * scale), round(width * scale))
    render = resized(resized(coarse, *small), *size)  # smooth, as a reconstruction is
    both = with_detail(render, fine, SIDE)
    seen, wanted, other = (resized(picture, *small) for picture in (both, render, fine))
    assert (seen - wanted).abs().mean() < 0.6 * (other - wanted).abs().mean() + 1e-6

    def detail(picture: torch.Tensor) -> torch.Tensor:
        return picture - resized(resized(picture, *small), *size)

    assert (detail(both) - detail(fine)).abs().mean() < 0.6 * (detail(render) - detail(fine)).abs().mean() + 1e-6


def wanted(trainer, index: int) -> torch.Tensor:
    """The base's render as it is kept, with the detail of the view's photograph: [H, W, 3] uint8."""
    view = trainer.pipeline.train_views[index]
    kept = read_image(trainer.base_dir / "conditions" / f"{view.name}.png").float() / 255.0
    return eight_bits(with_detail(kept, read_image(view).float() / 255.0, SIDE))


def test_the_pictures_that_are_edited_and_trained_on_have_both(
    tiny_edit, small_editor, start, training_pictures, photographs, capsys
):
    trainer = start(tiny_edit(editor=NAME, steps=4))
    cameras = trainer.pipeline.datamanager.train_dataset.cameras
    live = training_pictures(trainer)
    for index, (picture, photograph) in enumerate(zip(live, photographs(trainer), strict=True)):
        render = eight_bits(trainer.pipeline.render_view(cameras, index)["rgb"])
        assert torch.equal(picture, wanted(trainer, index))
        assert torch.equal(eight_bits(trainer.pipeline.updater.scene.condition(index)), picture)
        assert not torch.equal(picture, render)
        assert not torch.equal(picture, photograph)
    assert trainer.fit()
    said = " ".join(capsys.readouterr().out.split())
    assert "Edits change renders of the base with the photographs' detail: the instruction is about the whole" in said
    assert read_record(trainer.base_dir / "edit.json").condition_on == "detailed"


def test_a_stopped_run_goes_on_with_the_same_pictures(tiny_edit, small_editor, start, stop_after_one_step, same_runs):
    whole = start(tiny_edit(editor=NAME, steps=5, timestamp="whole"))
    assert whole.fit()
    stopped = start(tiny_edit(editor=NAME, steps=5, timestamp="stopped"))
    stop_after_one_step(stopped)
    assert not stopped.fit()
    api.resume(stopped.base_dir)
    same_runs(stopped.base_dir, whole.base_dir)


def test_an_editor_that_sees_the_full_size_gets_the_render(tiny_edit, start, training_pictures):
    trainer = start(tiny_edit(editor=NAME, pipeline={"condition_on": "detailed"}))
    cameras = trainer.pipeline.datamanager.train_dataset.cameras
    for index, picture in enumerate(training_pictures(trainer)):
        assert torch.equal(picture, eight_bits(trainer.pipeline.render_view(cameras, index)["rgb"]))
