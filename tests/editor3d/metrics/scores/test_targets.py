"""What changed against what should have, beside torchmetrics' Jaccard index, and the grounding of named objects."""

from __future__ import annotations

import pytest
import torch
from torchmetrics.functional.classification import binary_jaccard_index, multiclass_jaccard_index

from editor3d.metrics.scores.targets import changed_pixels, iou, measure_targets
from editor3d.metrics.unavailable import Unavailable

from ..wall import SIDE, wall_views


def box(top: int, left: int, side: int = 12) -> torch.Tensor:
    mask = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    mask[top : top + side, left : left + side] = True
    return mask


def inverted(mask: torch.Tensor):
    return lambda index, picture: torch.where(mask[..., None], (picture + 0.3) % 1.0, picture)


def test_iou_is_torchmetrics_jaccard_index():
    generator = torch.Generator().manual_seed(0)
    for share in (0.1, 0.5, 0.9):
        a, b = (torch.rand(SIDE, SIDE, generator=generator) < share for _ in range(2))
        assert iou(a, b) == pytest.approx(binary_jaccard_index(a.int(), b.int()).item(), abs=1e-7)
    empty = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    assert iou(empty, empty) == 1
    assert iou(empty, ~empty) == 0


def test_miou_is_the_mean_over_both_classes():
    should, did = box(5, 6), box(8, 9)
    view = wall_views([0.0], inverted(did), region=should)[0]
    found = measure_targets([view])
    change = changed_pixels(view.base_render, view.edited_render)
    assert torch.equal(change, did)
    wanted = multiclass_jaccard_index(change.int(), should.int(), num_classes=2, average="macro").item()
    assert found.miou == pytest.approx(wanted, abs=1e-7)
    assert found.iou == pytest.approx(81 / (2 * 144 - 81))


def test_an_edit_is_grounded_where_named_objects_changed_and_only_they():
    objects = {"cup": box(2, 2), "pot": box(20, 20), "lid": box(2, 30)}

    def grounding(changed: torch.Tensor) -> float:
        return measure_targets(wall_views([0.0, 0.4], inverted(changed), objects=objects), ("pot",)).grounding

    assert grounding(objects["pot"]) == 1
    assert grounding(objects["pot"] | objects["cup"]) == pytest.approx(2 / 3)
    assert grounding(objects["cup"]) == pytest.approx(1 / 3)
    assert grounding(torch.zeros_like(objects["cup"])) == pytest.approx(2 / 3)


def test_the_changed_share_of_each_object_is_told():
    objects = {"cup": box(2, 2), "pot": box(20, 20)}
    half = objects["cup"].clone()
    half[8:] = False
    found = measure_targets(wall_views([0.0], inverted(half), objects=objects), ("cup",))
    assert dict(found.changed) == {"cup": 0.5, "pot": 0.0}
    assert found.iou is None


def test_an_edit_of_everything_has_no_targets():
    assert isinstance(measure_targets(wall_views([0.0])), Unavailable)
