"""Counts are found by growing what repeats from one."""

from __future__ import annotations

import re

import numpy as np
import pytest

from editor3d.programs.embedded.growth import Growth, belonging
from editor3d.programs.judge.picture_loss import PictureLoss
from editor3d.programs.language.space import Space
from editor3d.programs.language.syntax import Program
from editor3d.programs.language.vocabulary import Input, Vocabulary

FIRST = 'put(m, "Count", 3)\nput(m, "Gap", 1.2)\nput(m, "Radius", 0.25)\nput(m, "Height", 1.0)\nkey = 0.5\n'
INPUTS = (("Count", "INT"), ("Gap", "FLOAT"), ("Radius", "FLOAT"), ("Height", "FLOAT"))
ROWS = Vocabulary(inputs=tuple(Input("Gen", name, f"Socket_{i}", kind, "Row") for i, (name, kind) in enumerate(INPUTS)))
DEFINED = "def put(m, name, value):\n    m[name] = value\n\n\n"


def posts(source: str) -> np.ndarray:
    """A row of posts from the left, [48, 96, 3]; those beyond the right edge are not seen."""
    values = dict(re.findall(r'put\(m, "(\w+)", ([\d.]+)\)', source))
    count, gap, radius, height = int(values["Count"]), *(float(values[n]) for n in ("Gap", "Radius", "Height"))
    across = (np.arange(96) + 0.5) / 20.0
    up = (np.arange(48) + 0.5)[::-1] / 16.0
    cover = np.zeros((48, 96))
    for index in range(count):
        inside = np.clip((radius - np.abs(across - 0.5 - index * gap)) * 20.0 + 0.5, 0, 1)
        cover = np.maximum(cover, np.clip((height - up) * 16.0 + 0.5, 0, 1)[:, None] * inside)
    return np.repeat(np.rint(255 * (0.9 - 0.7 * cover)).astype(np.uint8)[..., None], 3, axis=-1)


def grown(hidden: str) -> tuple[float, float, int]:
    """Count and gap of the best program of growth, and how many were rendered."""
    program = Program(DEFINED + FIRST, ROWS)
    space, measure = Space(program), PictureLoss(posts(hidden))
    axis = next(i for i, step in enumerate(space.least_steps) if step > 0.0)
    growth = Growth(space, axis, measure.fine, space.vector(program), seed=3)
    best, rendered = (np.inf, ""), 0
    while not growth.is_done:
        points = growth.ask(8)
        assert points
        pictures = [posts(space.source(point)) for point in points]
        rendered += len(points)
        best = min([best, *((measure(p), space.source(point)) for p, point in zip(pictures, points, strict=True))])
        growth.tell([(point, measure.residuals(p)) for p, point in zip(pictures, points, strict=True)])
    values = dict(re.findall(r'put\(m, "(\w+)", ([\d.]+)\)', best[1]))
    return int(values["Count"]), float(values["Gap"]), rendered


@pytest.mark.parametrize(("count", "gap"), [(5, 0.8), (2, 1.7), (7, 0.55)])
def test_the_count_of_a_row_is_found(count, gap):
    hidden = FIRST.replace("3)", f"{count})").replace("1.2", str(gap)).replace("0.25", "0.15").replace("1.0)", "2.2)")
    found, distance, rendered = grown(hidden)
    assert found == count
    assert distance == pytest.approx(gap, rel=0.03)
    assert rendered < 400


def test_inputs_of_the_same_modifier_belong_to_a_count():
    space = Space(Program(DEFINED + FIRST, ROWS))
    labels = [space.parameters[space.axes[index].parameter].label for index in belonging(space, 0)]
    assert labels == ["Gap", "Radius", "Height"]


def test_without_a_scene_the_nearest_numbers_do():
    source = "size = 2.0\nrows = 4\ncolour = (0.1, 0.2, 0.3)\nwidth = 0.4\n"
    space = Space(Program(source))
    axis = next(i for i, step in enumerate(space.least_steps) if step > 0.0)
    labels = [space.parameters[space.axes[index].parameter].label for index in belonging(space, axis)]
    assert labels == ["size", "width"]


def test_a_count_alone_has_nothing_to_grow():
    space = Space(Program("rows = 4\n"))
    assert Growth(space, 0, 0, space.vector(space.program), 0).is_done
