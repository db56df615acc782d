"""Sheets that a paid service edits: one price for all views on one, and no answer paid for twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from editor3d.editors.services.editor import ServiceEditor
from editor3d.editors.sheets.editor import SheetEditor


def test_four_views_cost_what_one_does(fake, settings, ask, spent):
    def editor() -> SheetEditor:
        return SheetEditor(ServiceEditor(replace(settings, sizes=())))

    requests = [replace(ask, view=str(n), condition=ask.condition.roll(9 * n, 1)) for n in range(4)]
    pictures = editor().edit_many(requests)
    for request, edited in zip(requests, pictures, strict=True):
        torch.testing.assert_close(edited, 1.0 - request.condition, atol=0.01, rtol=0)
    again = editor().edit_many(requests)
    assert all(torch.equal(one, other) for one, other in zip(pictures, again, strict=True))
    assert len(fake.asked) == 1
    assert spent() == pytest.approx(settings.price) == editor().info.price
    assert "sheet of 4 photographs" in fake.asked[0].fields["prompt"]
