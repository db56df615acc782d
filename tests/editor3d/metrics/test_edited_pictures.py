"""Whether edited pictures agree, with each other and with the edited scene; and which of them do not."""

from __future__ import annotations

import io
import json

import pytest
import torch
from rich.console import Console

from editor3d.geometry.agreement import EditedView, prepared
from editor3d.geometry.surface import SeenSurface
from editor3d.metrics.pictures import EditedPicture, measure_pictures
from editor3d.metrics.report import edit_report
from editor3d.metrics.unavailable import Unavailable
from editor3d.metrics.views import Cost

from .wall import AWAY, SIDE, painted, wall_camera, wall_views

PLACES = [0.0, 0.21, 0.43, 0.6, 0.82, 1.0]


def pictures(edit=lambda index, picture: 1 - picture, render=lambda picture: 1 - picture) -> list[EditedPicture]:
    """Edits of views of the painted wall, and the edited scene's renders."""
    found = []
    for index, x in enumerate(PLACES):
        surface = SeenSurface.of_depth(wall_camera(x), torch.full((SIDE, SIDE), AWAY))
        photo = painted(surface.points)
        edited = EditedView.of(surface, photo, edit(index, photo))
        found.append(EditedPicture(f"view_{index}", edited, prepared(render(photo), surface)))
    return found


def test_edits_that_are_alike_agree_with_each_other_and_with_their_scene():
    agreement = measure_pictures(pictures())
    assert agreement.doubted == {}
    assert agreement.mean.between < 2e-3
    assert agreement.mean.to_render < 1e-6
    assert agreement.mean.change > 0.2
    assert agreement.mean.sharpness == pytest.approx(1.0, rel=0.05)
    assert agreement.mean.between == pytest.approx(agreement.mean.between_before, rel=0.1)


def test_an_offset_of_every_other_view_is_the_difference_between_them():
    apart = measure_pictures(pictures(lambda i, p: 1 - p + 0.04 * (i % 2)))
    assert 0.015 < apart.mean.between < 0.045
    assert apart.mean.to_render == pytest.approx(0.02, abs=2e-3)


def test_a_scene_that_did_not_take_the_edits_over_is_far_from_them():
    left = measure_pictures(pictures(render=lambda picture: picture))
    assert left.mean.to_render == pytest.approx(left.mean.change, rel=0.02)


def test_a_view_that_was_left_as_it_was_is_named():
    agreement = measure_pictures(pictures(lambda i, p: p if i == 2 else 1 - p))
    assert list(agreement.doubted) == ["view_2"]
    assert agreement.views["view_2"].change == 0


def test_one_picture_or_no_surface_says_so():
    assert isinstance(measure_pictures(pictures()[:1]), Unavailable)
    camera = pictures()[0].edit.surface.camera
    empty = SeenSurface.of_distance(camera, torch.zeros(SIDE, SIDE))
    grey = torch.full((SIDE, SIDE, 3), 0.5)
    nothing = [EditedPicture(name, EditedView.of(empty, grey, 1 - grey), grey) for name in ("a", "b")]
    assert "no surface" in str(measure_pictures(nothing))


def test_a_report_has_them_and_names_who_disagrees():
    unknown = Unavailable("the right result is not known", "give the truth")
    views = wall_views([0.0, 0.3], lambda i, picture: 1 - picture)
    edits = pictures(lambda i, p: p if i == 2 else 1 - p)
    report = edit_report(views, cost=Cost(6, 1.0), unknown=unknown, pictures=edits)
    body = json.loads(json.dumps(report.to_json(), allow_nan=False))["pictures"]
    assert set(body) == {"views", "mean", "doubted"}
    assert set(body["views"]["view_2"]) == {"between", "between_before", "to_render", "change", "sharpness"}
    console = Console(width=160, file=io.StringIO())
    console.print(report.to_table())
    text = " ".join(console.file.getvalue().split())
    for part in ("edited pictures, between views", "edited pictures, sharpness", f"view_2 {body['doubted']['view_2']}"):
        assert part in text
    assert "disagree with the others: view_2" in report.summary()
    without = edit_report(views, cost=Cost(6, 1.0), unknown=unknown)
    assert without.to_json()["pictures"] is None
    assert "edited pictures" not in without.summary()
