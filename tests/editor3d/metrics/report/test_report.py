"""The report on an edit: its parts, with and without a known result, as JSON, as tables and as a line."""

from __future__ import annotations

import io
import json

import pytest
import torch
from rich.console import Console

from editor3d.metrics import learned
from editor3d.metrics.report import edit_report
from editor3d.metrics.unavailable import Unavailable
from editor3d.metrics.views import Cost

from ..wall import SIDE, wall_views

COST = Cost(edits_2d=12, seconds=3.5)
UNKNOWN = Unavailable("the right result is not known", "give the truth")


@pytest.fixture(autouse=True)
def _no_weights(monkeypatch):
    missing = Unavailable("weights are missing", "get them")
    monkeypatch.setattr(learned, "load_clip", lambda: missing)
    monkeypatch.setattr(learned, "lpips", lambda before, after: missing)


def box() -> torch.Tensor:
    region = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    region[5:30, 6:20] = True
    return region


def in_box(index: int, picture: torch.Tensor) -> torch.Tensor:
    return torch.where(box()[..., None], 1 - picture, picture)


def report(**arguments):
    views = wall_views([0.0, 0.3, 0.9], in_box, region=box())
    return edit_report(views, **{"cost": COST, "unknown": UNKNOWN, **arguments})


def known():
    return report(f=lambda name, picture: 1 - picture, unknown=None)


def shown(table) -> str:
    console = Console(width=160, file=io.StringIO())
    console.print(table)
    return " ".join(console.file.getvalue().split())


def test_what_needs_no_truth_is_the_same_with_and_without_one():
    assert known().change == report().change
    assert known().consistency == report().consistency
    assert known().known.mean.gap == 0
    assert report().known is UNKNOWN


def test_a_report_is_strict_json_whose_missing_parts_say_what_is_missing():
    body = json.loads(json.dumps(report().to_json(), allow_nan=False))
    assert body["cost"] == {"edits_2d": 12, "seconds": 3.5}
    assert body["change"]["mean"]["locality"] == "inf"
    assert set(body["change"]["views"]) == {"view_0", "view_1", "view_2"}
    assert body["consistency"]["short_range"]["pairs"] == 3
    for part in ("lpips", "clip", "known_edit"):
        assert set(body[part]) == {"not_available", "remedy"}
    told = json.loads(json.dumps(known().to_json(), allow_nan=False))["known_edit"]
    assert told["mean"]["gap"] == 0
    assert told["conditions"]["keeps_contrast"] is True


def test_the_table_has_each_score_and_one_line_for_each_that_is_missing():
    text = shown(report().to_table())
    for part in (
        "PSNR to the base",
        "SSIM to the base",
        "sharpness",
        "locality",
        "inf dB",
        "short range",
        "12 2D edits",
    ):
        assert part in text
    assert "gap" not in text
    assert text.count("not available") == 4
    text = shown(known().to_table())
    for part in ("gap", "ideal", "unedited", "a real change"):
        assert part in text


def test_a_region_is_reported_with_what_stayed_bit_equal():
    region = {"type": "sphere", "center": [0.0, 0.0, 1.0], "radius": 0.5}
    kept = report(region=region)
    assert kept.to_json()["region"] == region
    assert json.dumps(region) in shown(kept.to_table())
    assert "bit-equal" in shown(kept.to_table())
    assert "bit-equal" not in shown(report().to_table())


def test_views_have_a_row_each():
    text = shown(known().to_views_table())
    for part in ("view_0", "view_2", "mean", f"{known().known.mean.unedited:.2f}", "inf"):
        assert part in text
    assert "gap" not in shown(report().to_views_table())


def test_one_line_says_most():
    assert "gap 0.00 dB" in known().summary()
    assert f"PSNR to the base {report().change.mean.psnr:.2f} dB" in report().summary()
    for one in (known(), report()):
        assert one.summary().endswith("locality inf dB; 12 2D edits, 4 s")
        assert "\n" not in one.summary()


def test_a_region_that_no_view_shows_leaves_the_gap_out_and_keeps_the_rest():
    views = wall_views([0.0, 0.3], in_box, region=torch.zeros_like(box()))
    found = edit_report(views, cost=COST, f=lambda name, picture: 1 - picture)
    assert "shows what was edited" in str(found.known)
    assert found.change.mean.locality is not None


class Words:
    """Stands in for a CLIP: a picture's embedding is its mean colour, a caption's is fixed."""

    name = "words"

    def directional_similarity(self, before, after, caption_before, caption_after) -> float:
        assert (caption_before, caption_after) == (learned.CAPTION_BEFORE, "a photo, make it dark")
        return 0.5

    def similarity(self, images, caption) -> float:
        return float(torch.stack([image.mean() for image in images]).mean())

    def consistency(self, before, after) -> float:
        return 0.25


def test_clip_scores_come_with_what_doing_nothing_scores(monkeypatch):
    monkeypatch.setattr(learned, "load_clip", Words)
    monkeypatch.setattr(learned, "lpips", lambda before, after: 0.125)
    dark = edit_report(
        wall_views([0.0, 0.3], lambda i, picture: 0.5 * picture),
        cost=COST,
        unknown=UNKNOWN,
        caption="a photo, make it dark",
    )
    assert (dark.clip.model, dark.clip.direction, dark.clip.consistency) == ("words", 0.5, 0.25)
    assert dark.clip.score == pytest.approx(dark.clip.score_unedited / 2)
    assert dark.lpips == 0.125
    assert "0.250" in shown(dark.to_table())
    assert dark.to_json()["clip"]["model"] == "words"
    without = edit_report(wall_views([0.0]), cost=COST, unknown=UNKNOWN).clip
    assert (without.direction, without.score, without.consistency) == (None, None, None)


def test_no_views_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        edit_report([], cost=COST, unknown=UNKNOWN)
