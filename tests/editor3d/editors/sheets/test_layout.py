"""Views on a sheet and off it again."""

from __future__ import annotations

import pytest
import torch

from editor3d.editors.sheets.layout import GUTTER_COLOUR, Layout
from editor3d.types import EditorInfo

INFOS = [
    EditorInfo("any size", "", ""),
    EditorInfo("longest side", "", "", multiple_of=8, max_side=96),
    EditorInfo("area", "", "", multiple_of=16, working_pixels=(64 * 64, 128 * 128)),
]


@pytest.mark.parametrize("info", INFOS, ids=lambda info: info.name)
@pytest.mark.parametrize("size", [(48, 48), (40, 72), (72, 40), (333, 500)])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_sheet_fits_the_editor_and_tiles_keep_apart(info, size, count):
    layout = Layout.fitting(count, *size, info)
    height, width = layout.size
    assert layout.rows * layout.columns >= count
    if info.max_side:
        assert max(height, width) <= info.max_side
    if info.working_pixels:
        assert height * width <= info.working_pixels[1]
    sides = layout.height, layout.width, layout.gutter, height, width
    assert all(side % info.multiple_of == 0 for side in sides)
    covered = layout.gutters().int()
    for index in range(layout.rows * layout.columns):
        covered[layout.place(index)] += 1
        for strip in layout.beside(index):
            assert layout.gutters()[strip].all()
            assert layout.gutters()[strip].numel() > 0
    assert (covered == 1).all()


def test_two_views_lie_so_that_the_sheet_is_nearest_to_a_square():
    assert Layout.fitting(2, 40, 72, INFOS[0]).rows == 2
    assert Layout.fitting(2, 72, 40, INFOS[0]).rows == 1


def test_views_that_are_not_scaled_come_back_bit_equal(picture):
    views = [picture(40, 56, seed) for seed in range(4)]
    for info in (INFOS[0], EditorInfo("a", "", "", multiple_of=16)):
        layout = Layout.fitting(4, 40, 56, info)
        sheet = layout.sheet(views)
        assert (sheet[layout.gutters()] == GUTTER_COLOUR).all()
        for index, view in enumerate(views):
            assert torch.equal(layout.cut(sheet, index, view), view)


def test_a_view_of_another_shape_keeps_its_own(picture):
    views = [picture(40, 56, 0), picture(56, 40, 1)]
    layout = Layout.fitting(2, 40, 56, INFOS[0])
    upright = layout.cut(layout.sheet(views), 1, views[1])
    assert upright.shape == (40, 29, 3)


def test_masks_lie_where_their_views_do(picture):
    mask = torch.zeros(40, 56, dtype=torch.bool)
    mask[10:20, 30:40] = True
    layout = Layout.fitting(4, 40, 56, INFOS[0])
    whole = layout.mask([~torch.ones_like(mask), mask])
    assert int(whole.sum()) == int(mask.sum())
    assert torch.equal(whole[layout.place(1)], mask)
