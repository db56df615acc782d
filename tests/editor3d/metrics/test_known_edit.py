from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from editor3d.metrics.image import psnr
from editor3d.metrics.known_edit import depth_scores, known_edit
from editor3d.metrics.views import HeldOutView

H, W = 20, 24


def noise(seed: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.rand(H, W, 3, generator=torch.Generator().manual_seed(seed))


def invert(view: str, picture: torch.Tensor) -> torch.Tensor:
    return 1 - picture


def box() -> torch.Tensor:
    region = torch.zeros(H, W, dtype=torch.bool)
    region[5:12, 6:20] = True
    return region


def held_out(name: str, seed: int, edited=None, **fields) -> HeldOutView:
    photo = noise(seed)
    base = (photo + noise(seed + 1, 0.1) - 0.05).clamp(0, 1)
    edited = invert(name, base) if edited is None else edited
    return HeldOutView(name=name, photo=photo, base_render=base, edited_render=edited, **fields)


def test_a_perfect_edit_has_no_gap():
    report = known_edit([held_out("a", 0), held_out("b", 10)], f=invert)
    assert report.mean.gap == 0
    assert report.mean.ideal == report.mean.edited > 20
    assert report.ideal_from == "f of the base render"


def test_doing_nothing_scores_as_unedited_and_shows_a_gap():
    views = [held_out(name, seed) for name, seed in (("a", 0), ("b", 10))]
    views = [dataclasses.replace(v, edited_render=v.base_render) for v in views]
    report = known_edit(views, f=invert)
    for scores in report.views.values():
        assert scores.edited == scores.unedited
        assert scores.gap == pytest.approx(scores.ideal - scores.unedited)
    assert report.mean.gap > 10


def test_every_value_is_the_formula_and_the_mean_is_over_views():
    views = [held_out("a", 0, edited=noise(5), region=box()), held_out("b", 10, edited=noise(6), region=box())]
    report = known_edit(views, f=invert)
    for v in views:
        truth, s = 1 - v.photo, report.views[v.name]
        assert s.ideal == psnr(1 - v.base_render, truth, box())
        assert s.edited == psnr(v.edited_render, truth, box())
        assert s.unedited == psnr(v.base_render, truth, box())
        assert s.gap == s.ideal - s.edited
    gaps = [s.gap for s in report.views.values()]
    assert report.mean.gap == pytest.approx(sum(gaps) / 2)


def test_a_better_than_ideal_edit_has_a_negative_gap():
    view = held_out("a", 0)
    view = dataclasses.replace(view, edited_render=(1 - view.photo) * 0.99)
    assert known_edit([view], f=invert).mean.gap < 0


def test_a_view_that_does_not_see_the_object_has_no_gap():
    seen = held_out("seen", 0, region=box())
    unseen = held_out("unseen", 10, region=torch.zeros(H, W, dtype=torch.bool))
    report = known_edit([seen, unseen], f=invert)
    assert report.views["unseen"].gap is None
    assert report.mean.gap == report.views["seen"].gap
    with pytest.raises(ValueError, match="empty in every"):
        known_edit([unseen], f=invert)


def test_f_is_told_which_view_it_edits():
    seen = []
    known_edit([held_out("a", 0), held_out("b", 10)], f=lambda n, p: (seen.append(n), 1 - p)[1])
    assert set(seen) == {"a", "b"}


def test_conditions_on_f():
    def conditions(f):
        return known_edit([held_out("a", 0)], f=f).conditions

    real = conditions(invert)
    assert real.is_real_change
    assert real.keeps_contrast
    assert real.fair
    assert real.contrast_kept == pytest.approx(1.0)

    faint = conditions(lambda n, p: p * 0.9)
    assert not faint.is_real_change
    assert faint.contrast_kept == pytest.approx(0.9)

    flat = conditions(lambda n, p: 0.1 * p)
    assert flat.contrast_kept == pytest.approx(0.1)
    assert not flat.keeps_contrast
    assert not flat.fair


def test_conditions_are_judged_in_what_f_edits():
    def in_box(name, picture):
        return torch.where(box()[..., None], 1 - picture, picture)

    whole = known_edit([held_out("a", 0)], f=in_box).conditions
    inside = known_edit([held_out("a", 0, region=box())], f=in_box).conditions
    assert inside.change_psnr < whole.change_psnr


def test_true_edit_takes_base_reconstruction_as_ideal_unless_a_reference_is_given():
    truth = noise(50)
    view = held_out("a", 0, edited=(truth + 0.1).clamp(0, 1), truth=truth, region=box())
    report = known_edit([view])
    assert report.ideal_from == "base reconstruction"
    assert report.mean.ideal == psnr(view.base_render, view.photo, box())
    assert report.mean.edited == psnr(view.edited_render, truth, box())
    assert report.conditions is None

    reference = (truth + 0.05).clamp(0, 1)
    report = known_edit([dataclasses.replace(view, reference_render=reference)])
    assert report.ideal_from == "reference reconstruction"
    assert report.mean.ideal == psnr(reference, truth, box())


def test_a_reference_is_the_ideal_of_a_map_that_hides_what_it_covers():
    def painted(view: str, picture: torch.Tensor) -> torch.Tensor:
        return torch.full_like(picture, 0.25)

    truth = painted("", noise(0))
    view = held_out("a", 0, edited=(truth + 0.1), region=box())
    assert math.isinf(known_edit([view], f=painted).mean.ideal)  # as alike as pictures are
    report = known_edit([dataclasses.replace(view, reference_render=truth + 0.05)], f=painted)
    assert report.ideal_from == "reference reconstruction"
    assert report.mean.ideal == psnr(truth + 0.05, truth, box())
    assert report.mean.gap == pytest.approx(20 * math.log10(2), abs=0.01)
    assert report.conditions is not None


@pytest.mark.parametrize(
    ("views", "f"),
    [
        ([], invert),
        ([held_out("a", 0)], None),
        ([held_out("a", 0, truth=noise(1))], invert),
        ([held_out("a", 0, truth=noise(1)), held_out("b", 1)], None),
    ],
)
def test_contradicting_arguments_are_refused(views, f):
    with pytest.raises(ValueError, match="known edit"):
        known_edit(views, f=f)


def depth_case() -> dict[str, torch.Tensor]:
    before = torch.full((H, W), 4.0)
    after = before.clone()
    after[box()] = 2.0
    photo = noise(0)
    truth = photo.clone()
    truth[0] = 1 - photo[0].round()  # recoloured, not moved
    return {"photo": photo, "truth": truth, "photo_depth": before, "truth_depth": after}


def test_depth_error_is_the_relative_median_in_what_changed():
    case = depth_case()
    scores = depth_scores(**case, base_depth=case["photo_depth"], edited_depth=case["truth_depth"] * 1.05)
    assert scores.changed == pytest.approx(0.05, abs=1e-6)
    assert scores.moved == pytest.approx(0.05, abs=1e-6)
    assert scores.changed_unedited == pytest.approx(1.0)
    assert scores.moved_unedited == pytest.approx(1.0)


def test_recoloured_pixels_count_as_changed_but_not_as_moved():
    case = depth_case()
    edited = case["truth_depth"].clone()
    edited[0] *= 3  # wrong only where the colour changed
    scores = depth_scores(**case, base_depth=case["photo_depth"], edited_depth=edited)
    assert scores.moved == 0
    case["photo_depth"] = case["truth_depth"]
    scores = depth_scores(**case, base_depth=case["photo_depth"], edited_depth=edited)
    assert scores.moved is None
    assert scores.changed == pytest.approx(2.0)


def test_unknown_depth_is_left_out_and_a_depth_that_is_no_number_is_wrong():
    case = depth_case()
    case["truth_depth"][5:12, 6:13] = 0  # half of the box unknown
    edited = case["truth_depth"].clone()
    scores = depth_scores(**case, base_depth=case["photo_depth"], edited_depth=edited)
    assert scores.moved == 0
    edited[box()] = math.nan
    scores = depth_scores(**case, base_depth=case["photo_depth"], edited_depth=edited)
    assert scores.moved == math.inf


def test_depth_is_part_of_a_true_edit_report():
    case = depth_case()
    view = HeldOutView(
        name="a",
        photo=case["photo"],
        truth=case["truth"],
        base_render=case["photo"],
        edited_render=case["truth"],
        region=box(),
        photo_depth=case["photo_depth"],
        truth_depth=case["truth_depth"],
        base_depth=case["photo_depth"],
        edited_depth=case["truth_depth"],
    )
    report = known_edit([view])
    assert report.mean.depth.changed == 0
    assert report.mean.depth.changed_unedited > 0
    assert report.mean.gap == 0  # ideal and edited are both infinite
