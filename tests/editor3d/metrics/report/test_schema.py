"""Reports are what their published schema says."""

from __future__ import annotations

import json

import jsonschema
import pytest
import torch

from editor3d.editors.procedural.editor import ProceduralEditor
from editor3d.geometry.agreement import EditedView
from editor3d.geometry.surface import SeenSurface
from editor3d.metrics.pictures import EditedPicture
from editor3d.metrics.report import edit_report
from editor3d.metrics.report.schema import report_schema
from editor3d.metrics.trials.editing import measure_trials
from editor3d.metrics.unavailable import Unavailable
from editor3d.metrics.views import Cost
from editor3d.types import EditRequest

from ..wall import wall_views

COST = Cost(3, 1.5)
UNKNOWN = Unavailable("no", "yes")


def half() -> torch.Tensor:
    mask = torch.zeros(48, 48, dtype=torch.bool)
    mask[:, :20] = True
    return mask


def darkened(index: int, picture: torch.Tensor) -> torch.Tensor:
    return torch.where(half()[..., None], 0.5 * picture, picture)


def fits(report) -> dict:
    body = json.loads(json.dumps(report.to_json(), allow_nan=False))
    jsonschema.validate(body, report_schema(), jsonschema.Draft202012Validator)
    return body


def test_a_report_without_anything_but_pictures_fits():
    body = fits(edit_report(wall_views([0.0, 0.3]), cost=COST, unknown=UNKNOWN))
    assert body["change"]["mean"]["psnr"] == "inf"


def test_a_report_with_every_part_fits():
    views = wall_views([0.0, 0.3, 0.6], darkened, region=half(), objects={"cup": half()})
    requests = [EditRequest(views[0].name, "make it night", views[0].photo)]
    pictures = []
    for view in views:
        surface = SeenSurface.of_depth(view.camera, view.edited_depth)
        edit = EditedView.of(surface, view.photo, view.edited_render, None)
        pictures.append(EditedPicture(view.name, edit, edit.after))
    body = fits(
        edit_report(
            views,
            cost=COST,
            caption="a photo, make it night",
            f=lambda name, picture: 0.5 * picture,
            pictures=pictures,
            region={"type": "sphere", "radius": 1.0},
            named=("cup",),
            trials=measure_trials(requests, ProceduralEditor().edit, ("make it look like night",), False),
        )
    )
    for part in ("targets", "silhouettes", "trials", "perceptual", "known_edit", "consistency"):
        assert "not_available" not in body[part]
    assert body["targets"]["iou"] == 1


def test_another_form_does_not_fit():
    body = edit_report(wall_views([0.0]), cost=COST, unknown=UNKNOWN).to_json()
    for broken in (body | {"more": 1}, body | {"lpips": "high"}, {k: v for k, v in body.items() if k != "cost"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, report_schema(), jsonschema.Draft202012Validator)
