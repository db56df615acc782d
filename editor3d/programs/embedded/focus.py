"""What an instruction is about: which numbers of a program, and which leaps, are tried first, and which way."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from editor3d.programs.embedded.space import Space
from editor3d.programs.language.comments import Direction, stems
from editor3d.programs.language.syntax import Parameter, Program

LIGHT_WORDS = stems(
    "night dark dim gloomy moonlit bright sunny sunset sunrise dawn dusk evening morning noon daylight golden hour "
    "warm cold cool neon candle candlelit studio dramatic moody overcast foggy spotlight shadow lit lighting lamp"
)
_LIGHT = re.compile(r"strength|energy|power|exposure|gamma|emission|background|world|watt|intensity|brightness", re.I)
_LIGHT_COLOUR = re.compile(r"colou?r", re.I)
_MATERIAL = re.compile(r"roughness|metallic|colou?r|elements|scale|distortion|detail|bump|transmission|coat", re.I)


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
