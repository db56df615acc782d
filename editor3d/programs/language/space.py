"""The numbers and colours of a program as one vector in 0..1, for methods that search such vectors."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from editor3d.programs.language.bounds import Bounds
from editor3d.programs.language.syntax import Parameter, Program, channels_of, number_of, written

_LIGHT = re.compile(r"([\w.]+(?:\[[^\]\n]*\][\w.]*)*)\.(energy|color)\s*=\s*$")
GAMMA = 2.2
"""Linear light to the power 1/2.2 is about what the eye sees."""


@dataclass(frozen=True)
class Axis:
    """One coordinate: a number, or one channel of a colour."""

    parameter: int
    """Index in `Program.parameters`."""
    channel: int | None
    bounds: Bounds
    whole: bool
    """Whole numbers only."""

    def to_unit(self, value: float) -> float:
        low, high = self._mapped(self.bounds.low), self._mapped(self.bounds.high)
        if high == low:
            return 0.0
        return float(np.clip((self._mapped(value) - low) / (high - low), 0.0, 1.0))

    def from_unit(self, position: float) -> float:
        low, high = self._mapped(self.bounds.low), self._mapped(self.bounds.high)
        mapped = low + float(np.clip(position, 0.0, 1.0)) * (high - low)
        if self.bounds.scale == "log":
            mapped = float(np.exp(mapped))
        elif self.bounds.scale == "colour":
            mapped = max(mapped, 0.0) ** GAMMA
        return float(round(mapped)) if self.whole else mapped

    @property
    def least_step(self) -> float:
        """The smallest step that changes a whole number; 0 for others."""
        return 1.0 / max(self.bounds.high - self.bounds.low, 1.0) if self.whole else 0.0

    def _mapped(self, value: float) -> float:
        if self.bounds.scale == "log":
            return float(np.log(max(value, 1e-12)))
        return max(value, 0.0) ** (1.0 / GAMMA) if self.bounds.scale == "colour" else value


class Space:
    """The vectors of one program's structure. Bounds stay those of the program that it was made of."""

    def __init__(self, program: Program, bounds: dict[tuple[str, int], Bounds] | None = None) -> None:
        """
        Args:
            program: one of the structure.
            bounds: by label and how often it was there before: those of an earlier structure, which stay as they were
                but for what it takes to hold the program's own values. The program's are added to them.
        """
        self.program = program
        self.parameters = _bounded(program, {} if bounds is None else bounds)
        self.axes: list[Axis] = []
        for index, parameter in enumerate(self.parameters):
            if parameter.kind in ("number", "integer"):
                self.axes.append(Axis(index, None, parameter.limits, parameter.kind == "integer"))
            elif parameter.kind == "colour":
                self.axes += [Axis(index, channel, parameter.limits, False) for channel in range(3)]
        self._lights = _lights(program, self.parameters)
        self.least_steps = np.array([axis.least_step for axis in self.axes])

    def __len__(self) -> int:
        return len(self.axes)

    def vector(self, program: Program) -> np.ndarray:
        """[N] in 0..1: the values of a program of this structure."""
        return np.array([axis.to_unit(_number(program.parameters[axis.parameter], axis)) for axis in self.axes])

    def snapped(self, vector: np.ndarray) -> np.ndarray:
        """The vector [N] with whole numbers where they are, as `source` writes them."""
        whole = [
            axis.to_unit(axis.from_unit(float(x))) if axis.whole else x
            for axis, x in zip(self.axes, vector, strict=True)
        ]
        return np.array(whole, dtype=float)

    def source(self, vector: np.ndarray) -> str:
        """The program with the values of a vector [N]."""
        values: dict[int, Any] = {}
        for axis, position in zip(self.axes, vector, strict=True):
            number = axis.from_unit(float(position))
            if axis.channel is None:
                values[axis.parameter] = number
            else:
                values[axis.parameter] = (*values.get(axis.parameter, ()), number)
        self._order_stops(values)
        self._tell_light_from_color(values)
        texts = {}
        for index, value in values.items():
            parameter = self.parameters[index]
            texts[parameter.start, parameter.end] = written(parameter, value)
        return self.program.replaced(texts)

    def _tell_light_from_color(self, values: dict[int, Any]) -> None:
        """Say how much light there is by the energy alone: its product with the colour is what a picture shows, and a
        reader takes a darker colour for another one."""
        for energy, color in self._lights:
            if energy not in values or color not in values:
                continue
            usual, brightest = max(channels_of(self.parameters[color].value)), max(values[color])
            if min(usual, brightest, values[energy]) <= 0.0:
                continue
            limits = self.parameters[energy].limits
            factor = min(max(brightest / usual, limits.low / values[energy]), limits.high / values[energy])
            if factor > 0.0 and brightest / factor <= self.parameters[color].limits.high:
                values[energy] *= factor
                values[color] = tuple(channel / factor for channel in values[color])

    def _order_stops(self, values: dict[int, Any]) -> None:
        """Bring the positions of each ramp's stops into their order: Blender would otherwise exchange the colours."""
        ramps: dict[str, list[tuple[int, int]]] = {}
        for index in values:
            stop = self.parameters[index].stop
            if stop is not None:
                ramps.setdefault(stop[0], []).append((stop[1], index))
        for stops in ramps.values():
            indices = [index for _, index in sorted(stops)]
            values.update(zip(indices, sorted(values[index] for index in indices), strict=True))


def _lights(program: Program, parameters: list[Parameter]) -> list[tuple[int, int]]:
    """Indices of the energy and the colour of each light whose program sets both, once."""
    found: dict[str, dict[str, list[int]]] = {}
    code = program.source.encode("utf-8")  # parameters lie at bytes of it
    for index, parameter in enumerate(parameters):
        before = code[code.rfind(b"\n", 0, parameter.start) + 1 : parameter.start].decode("utf-8")
        match = _LIGHT.search(before)
        if match is not None and parameter.kind == ("number" if match[2] == "energy" else "colour"):
            found.setdefault(match[1], {}).setdefault(match[2], []).append(index)
    return [
        (light["energy"][0], light["color"][0])
        for light in found.values()
        if [len(light.get(name, ())) for name in ("energy", "color")] == [1, 1]
    ]


def _bounded(program: Program, known: dict[tuple[str, int], Bounds]) -> list[Parameter]:
    """The parameters with the bounds that are known for them; what is not known is added."""
    parameters, seen = [], Counter()
    for parameter in program.parameters:
        key = (parameter.label, seen[parameter.label])
        seen[parameter.label] += 1
        if parameter.kind in ("number", "integer"):
            old, value = known.setdefault(key, parameter.limits), number_of(parameter.value)
            low = parameter.limits.low if old.scale == "log" and value <= 0.0 else min(old.low, value)
            scale = parameter.limits.scale if old.scale == "log" and low <= 0.0 else old.scale
            parameter = replace(parameter, bounds=Bounds(low, max(old.high, value), scale))
        parameters.append(parameter)
    return parameters


def _number(parameter: Parameter, axis: Axis) -> float:
    return number_of(parameter.value if axis.channel is None else channels_of(parameter.value)[axis.channel])
