"""The lights of a program, solved for from a picture of each."""

from __future__ import annotations

import numpy as np
import pytest

from editor3d.programs.embedded.opening.relighting import Relighting
from editor3d.programs.language.space import Space
from editor3d.programs.language.syntax import Program, channels_of, number_of
from editor3d.srgb import to_srgb

LAMPS = """
key.energy = 100.0
key.color = (1.0, 0.9, 0.8)
fill.energy = 30.0
fill.color = (0.6, 0.7, 1.0)
world.inputs["Strength"].default_value = 0.5
"""
SHARED = """
POWER_ENERGY = 100.0
lamp("Key", POWER_ENERGY, color=(1.0, 0.9, 0.8))
lamp("Fill", POWER_ENERGY * 0.3, color=(0.6, 0.7, 1.0))
world.inputs["Strength"].default_value = 0.5
"""
SHAPES = np.random.default_rng(3).random((3, 64, 64, 1)) ** 2 * np.array([0.1, 0.08, 0.05])[:, None, None, None]


def shown(source: str) -> np.ndarray:
    """A picture in which the light of both lamps and of a bluish world adds up, with what nothing lights."""
    values = [parameter.value for parameter in Program(source).parameters]
    numbers = [number_of(value) for value in values if not isinstance(value, tuple)]
    colours = [np.array(channels_of(value)) for value in values if isinstance(value, tuple)]
    key = numbers[0] / 100.0
    fill = numbers[1] / 30.0 if source.count("energy") == 2 else key
    world = numbers[-1] / 0.5
    light = 0.004 + key * colours[0] * SHAPES[0] + fill * colours[1] * SHAPES[1]
    light = light + world * np.array([0.8, 0.9, 1.0]) * SHAPES[2]
    return np.rint(255 * to_srgb(light)).astype(np.uint8)


def solved(source: str, target: np.ndarray) -> list[str]:
    """The first program's light solved for a target."""
    space = Space(Program(source))
    here = space.vector(Program(source))
    relighting = Relighting(space, here, shown(source), target)
    for axis in relighting.axes:
        point = here.copy()
        point[axis] += 0.1 if here[axis] <= 0.5 else -0.1
        relighting.see(axis, point, shown(space.source(point)))
    return [space.source(point) for point in relighting.points()]


@pytest.mark.parametrize("source", [LAMPS, SHARED])
def test_the_light_of_a_hidden_program_is_found_without_a_search(source):
    hidden = source.replace("100.0", "45.0").replace("(1.0, 0.9, 0.8)", "(1.0, 0.45, 0.15)")
    hidden = hidden.replace("(0.6, 0.7, 1.0)", "(0.2, 0.5, 1.0)").replace("= 30.0", "= 60.0")
    target = shown(hidden.replace("= 0.5", "= 0.1"))
    before, after = (np.abs(shown(one).astype(float) - target).mean() for one in (source, solved(source, target)[0]))
    assert after < 0.05 * before


def test_lamps_take_the_colour_that_the_world_cannot_take():
    target = shown(LAMPS.replace("(1.0, 0.9, 0.8)", "(1.0, 0.35, 0.1)").replace("= 0.5", "= 0.02"))
    values = {p.label: p.value for p in Program(solved(LAMPS, target)[0]).parameters}
    assert number_of(values["inputs.Strength"]) < 0.1


def test_the_same_light_stays_and_surfaces_are_no_lights():
    assert solved(LAMPS, shown(LAMPS)) == []
    surface = Space(Program('surface.inputs["Base Color"].default_value = (0.3, 0.4, 0.5, 1.0)\n'))
    assert not Relighting(surface, surface.vector(surface.program), SHAPES[0], SHAPES[1]).axes
