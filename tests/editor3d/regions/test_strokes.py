"""Strokes: how they are written down, which a capture has, and what is refused."""

from __future__ import annotations

import json

import pytest

from editor3d.datasets import load_posed_images
from editor3d.errors import RegionError
from editor3d.regions import StrokesRegion, from_json, parse_region, settled

STROKES = [
    {"view": "view_01", "pixels": [[12.0, 10.0], [13.5, 10.0]], "inside": True},
    {"view": "view_02", "pixels": [[2.0, 18.0]], "inside": False, "size": [24, 20]},
    {"points": [[0.0, 0.0, 0.5]], "inside": True},
]


@pytest.fixture
def write(tmp_path):
    def written(value: object) -> str:
        (tmp_path / "strokes.json").write_text(json.dumps(value))
        return f"strokes:{tmp_path / 'strokes.json'}"

    return written


def test_a_file_of_strokes_reads_as_its_json_does(write, tiny_capture, tmp_path):
    text = write({"strokes": STROKES, "grow": -0.01})
    region = parse_region(text)
    assert region == from_json(region.to_json())
    assert region.to_json() == {"type": "strokes", "strokes": STROKES, "grow": -0.01}
    kept = settled(text)
    (tmp_path / "strokes.json").unlink()
    assert parse_region(kept) == region
    region.check(load_posed_images(tiny_capture))


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([], "strokes"),
        ({"strokes": []}, "1 to"),
        ({"strokes": [{**STROKES[1]}]}, "inside"),
        ({"strokes": [{"view": "view_01", "pixels": [[1, 2, 3]]}]}, "2 numbers"),
        ({"strokes": [{"points": [[1, 2]]}]}, "3 numbers"),
        ({"strokes": [{"points": [[1, 2, float("nan")]]}]}, "3 numbers"),
        ({"strokes": [{"points": [[1, 2, True]]}]}, "3 numbers"),
        ({"strokes": [{"points": []}]}, "1 to"),
        ({"strokes": [{"pixels": [[1, 2]]}]}, "points"),
        ({"strokes": [{"view": 3, "pixels": [[1, 2]]}]}, "name of a view"),
        ({"strokes": [{**STROKES[0], "inside": "yes"}]}, "true or false"),
        ({"strokes": [{**STROKES[0], "size": [24]}]}, "width, height"),
        ({"strokes": STROKES, "grow": "much"}, "distance"),
        ({"strokes": STROKES, "other": 1}, "strokes"),
    ],
)
def test_other_strokes_are_refused_in_one_sentence(write, value, says):
    with pytest.raises(RegionError, match=says) as error:
        parse_region(write(value))
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(RegionError, match="found none"):
        parse_region(f"strokes:{tmp_path / 'none.json'}")
    with pytest.raises(RegionError, match="empty name"):
        parse_region("strokes:")


def test_strokes_in_other_views_or_beside_the_picture_are_refused(tiny_capture):
    posed = load_posed_images(tiny_capture)
    with pytest.raises(RegionError, match="did you mean view_01"):
        StrokesRegion.of_json([{**STROKES[0], "view": "view_1"}]).check(posed)
    held_out = posed.test_views[0].name
    with pytest.raises(RegionError, match="training views"):
        StrokesRegion.of_json([{**STROKES[0], "view": held_out}]).check(posed)
    with pytest.raises(RegionError, match="24x20"):
        StrokesRegion.of_json([{**STROKES[0], "pixels": [[24.0, 3.0]]}]).check(posed)
