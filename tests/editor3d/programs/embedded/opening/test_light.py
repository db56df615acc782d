"""First guesses for another light."""

from __future__ import annotations

import numpy as np
import pytest

from editor3d.programs.embedded.opening.focus import relit
from editor3d.programs.language.space import Space
from editor3d.programs.language.syntax import Program
from editor3d.srgb import to_linear, to_srgb

PROGRAM = """
key.energy = 100.0
key.color = (1.0, 0.9, 0.8)
world.inputs["Strength"].default_value = 0.5
surface.inputs["Base Color"].default_value = (0.3, 0.4, 0.5, 1.0)
scene.view_settings.exposure = 0.0
"""


def shown(light: tuple[float, ...], exposure: float = 0.0) -> np.ndarray:
    """A picture of a grey ramp in some light."""
    ramp = np.linspace(0.02, 0.2, 64)[None, :, None] * np.array(light) * 2.0**exposure
    return np.rint(255 * to_srgb(np.clip(np.repeat(ramp, 32, axis=0), 0, 1))).astype(np.uint8)


def values(source: str) -> dict[str, object]:
    return {p.label: p.value for p in Program(source).parameters}


def test_half_the_light_is_half_the_strength_or_an_exposure_of_minus_one():
    program = Program(PROGRAM)
    space = Space(program)
    strong, exposed = (values(space.source(p)) for p in relit(program, space, shown((1, 1, 1)), shown((0.5,) * 3))[:2])
    assert strong["energy"] == pytest.approx(50.0, rel=0.03)
    assert strong["inputs.Strength"] == pytest.approx(0.25, rel=0.03)
    assert strong["exposure"] == 0.0
    assert exposed["exposure"] == pytest.approx(-1.0, abs=0.05)
    assert exposed["energy"] == pytest.approx(100.0, rel=0.001)


def test_colour_goes_into_lights_and_not_into_surfaces():
    program = Program(PROGRAM)
    space = Space(program)
    points = relit(program, space, shown((1, 1, 1)), shown((1.0, 0.7, 0.4)))
    white, coloured = values(space.source(points[0])), values(space.source(points[2]))
    assert white["color"] == pytest.approx((1.0, 0.9, 0.8), rel=1e-3)
    red, green, blue = coloured["color"]
    assert (green / red, blue / red) == pytest.approx((0.9 * 0.7, 0.8 * 0.4), rel=0.05)
    assert coloured["inputs.Base Color"] == pytest.approx((0.3, 0.4, 0.5, 1.0), rel=1e-3)


def test_the_same_light_and_programs_without_any_need_no_guess():
    program = Program(PROGRAM)
    assert relit(program, Space(program), shown((1, 1, 1)), shown((1.02, 1, 1))) == []
    surface = Program('surface.inputs["Roughness"].default_value = 0.4\n')
    assert relit(surface, Space(surface), shown((1, 1, 1)), shown((0.4, 0.4, 0.6))) == []
    assert to_linear(np.array([1.0]))[0] == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["energy = 300", "energy = 300.0"])
def test_an_energy_without_a_point_is_paired_with_its_colour(name):
    program = Program(f"key.{name}\nkey.color = (0.5, 0.4, 0.3)\n")
    space = Space(program)
    darker = space.vector(program)
    darker[1:] = [axis.to_unit(v) for axis, v in zip(space.axes[1:], (0.25, 0.2, 0.15), strict=True)]
    found = values(space.source(darker))
    assert found["energy"] == pytest.approx(150.0, rel=0.01)
    assert found["color"] == pytest.approx((0.5, 0.4, 0.3), rel=0.01)
