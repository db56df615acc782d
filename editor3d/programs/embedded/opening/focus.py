"""What an instruction is about: which numbers of a program, and which leaps, are tried first, and which way."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from editor3d.programs.embedded.opening.relighting import is_colour, is_strength
from editor3d.programs.language.comments import Direction, stems
from editor3d.programs.language.space import Space
from editor3d.programs.language.syntax import Parameter, Program
from editor3d.srgb import to_linear

LIGHT_WORDS = stems(
    "night dark dim gloomy moonlit bright sunny sunset sunrise dawn dusk evening morning noon daylight golden hour "
    "warm cold cool neon candle candlelit studio dramatic moody overcast foggy spotlight shadow lit lighting lamp"
)
_LIGHT = re.compile(r"strength|energy|power|exposure|gamma|emission|background|world|watt|intensity|brightness", re.I)
_LIGHT_COLOUR = re.compile(r"colou?r", re.I)
_MATERIAL = re.compile(r"roughness|metallic|colou?r|elements|scale|distortion|detail|bump|transmission|coat", re.I)


LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
SAME = 1.15
"""Ratios of means between this and its inverse need no guess."""
_EXPOSURE = re.compile(r"exposure", re.IGNORECASE)


class Focus:
    """An instruction, looked at from the search's side."""

    def __init__(self, instruction: str, recipes: Sequence[str] = ()) -> None:
        """
        Args:
            instruction: may be empty; then nothing comes first.
            recipes: names of materials that leaps can insert.
        """
        self._words = stems(instruction)
        self.recipes = tuple(name for name in recipes if stems(name) <= self._words and stems(name))
        """Of those, what the instruction names."""

    @property
    def is_about_light(self) -> bool:
        return bool(self._words & LIGHT_WORDS)

    def weight(self, parameter: Parameter) -> int:
        """How likely a number is what the instruction is about; the higher, the earlier it is tried."""
        name = parameter.label
        if self._way(parameter) is not None:
            return 4
        if self._words & stems(re.sub(r"[_.\[\]]", " ", name)):
            return 3
        if self.is_about_light:
            return 2 if _LIGHT.search(name) else int(_LIGHT_COLOUR.search(name) is not None)
        return int(bool(self.recipes) and _MATERIAL.search(name) is not None)

    def order(self, space: Space) -> list[int]:
        """All axes, what the instruction is about first."""
        weights = [self.weight(space.parameters[axis.parameter]) for axis in space.axes]
        return [int(axis) for axis in np.argsort(-np.array(weights), kind="stable")] if weights else []

    def _way(self, parameter: Parameter) -> Direction | None:
        return next((way for way in parameter.directions if way.words & self._words), None)

    def told(self, program: Program, space: Space) -> list[np.ndarray]:
        """Points to which comments point for this instruction: each number alone, and all together, by half and whole.

        "Decrease for night" leads half and most of the way to the lower bound, and "for night set this to 0.05" there.
        """
        here = space.vector(program)
        moves: dict[int, float] = {}
        for index, axis in enumerate(space.axes):
            way = self._way(space.parameters[axis.parameter])
            if way is not None and axis.channel is None:
                moves[index] = axis.to_unit(way.value) if way.value is not None else float(way.sign > 0)
        points = []
        for share in (0.5, 1.0) if moves else ():
            point = here.copy()
            for index, end in moves.items():
                point[index] += share * (end - here[index])
            points.append(point)
        return points


def relit(program: Program, space: Space, image: np.ndarray, target: np.ndarray) -> list[np.ndarray]:
    """Points [N] whose light is about the target's: by strengths and by the exposure, in white light and in colour.

    Light adds up: lights and a world that are all k times as strong give a picture k times as bright, and an exposure
    of e gives 2^e times as much. So the ratio of both pictures' means, in linear light, says at once about where
    strengths or the exposure belong, and the ratio of each channel's means where the lights' colours do. Steps then
    tell the lights apart. Light that is too bright for the view, and lamps that the program does not set, make it a
    guess.

    Args:
        image: [H, W, 3] uint8 sRGB, the program's picture.
        target: of the same size.
    """
    mine, wanted = (
        np.maximum(to_linear(picture / 255.0).reshape(-1, 3).mean(axis=0), 1e-4) for picture in (image, target)
    )
    ratio = float(wanted @ LUMINANCE / (mine @ LUMINANCE))
    tint = wanted / mine / ratio
    if 1.0 / SAME < ratio < SAME and tint.max() < SAME and tint.min() > 1.0 / SAME:
        return []
    here = space.vector(program)
    strong, exposed = here.copy(), here.copy()
    tinted: dict[int, float] = {}
    for index, axis in enumerate(space.axes):
        parameter = space.parameters[axis.parameter]
        value = axis.from_unit(float(here[index]))
        if axis.channel is not None:
            if is_colour(parameter):
                # strengths say how much light there is, and a colour has no channel above 1
                tinted[index] = axis.to_unit(min(value * tint[axis.channel] / tint.max(), 1.0))
        elif _EXPOSURE.search(parameter.label):
            exposed[index] = axis.to_unit(value + np.log2(ratio))
        elif is_strength(parameter):
            strong[index] = axis.to_unit(value * ratio)
    points = [point for point in (strong, exposed) if not np.array_equal(point, here)]
    if tinted:
        for point in tuple(points):
            coloured = point.copy()
            coloured[list(tinted)] = list(tinted.values())
            points.append(coloured)
    return points
