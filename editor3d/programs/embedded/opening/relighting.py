"""Solve for the lights of a program, from one picture for each of their numbers.

Light adds up. In linear light a picture is

    I = K + sum_i,c x_ic U_ic + sum_j t_j W_j

with x_ic the channel c of light i's colour times its strength, U_ic what a unit of it shows, t_j the strength of a
light without a colour of its own and K what the program does not light. A picture beside the first one with a colour
or a strength changed gives U_ic or W_j. Then the x and t that come nearest to the target picture, all of them positive,
are a linear least-squares problem: no search is needed. Errors weigh as much as they show in sRGB. What the lights of a
scene cannot show, and what is too bright for the view, make the result a guess, which is rendered as any other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import lsq_linear, nnls

from editor3d.programs.judge.picture_loss import halves
from editor3d.programs.language.space import Space
from editor3d.programs.language.syntax import Parameter
from editor3d.srgb import to_linear

STRENGTHS = re.compile(r"strength|energy|power|watt|intensity", re.IGNORECASE)
COLOURS = re.compile(r"(^|\.)colou?r$", re.IGNORECASE)
SURFACE = re.compile(r"base|diffuse|elements|emission|bump|normal", re.IGNORECASE)
"""Of what is called so, no light falls."""
CLIPPED = 250
"""Values of 255 from here on are too bright for the view, and their light is not known."""
LEAST_SEEN = 0.2
"""The part of the picture that has to be darker than that."""
OF_A_COLOUR = 0.5
"""How much of a colour's light has to follow a strength, for the colour to be of that strength's light."""
COLOURLESS = 0.3
"""How much of a strength's light, as a ratio of lengths, colours may leave unexplained."""
RIDGE = 0.02
"""How much it costs to leave the first light, beside what it shows: lights that look alike share the work."""
MOST = 60.0
"""How many times as strong a light may get."""
DARK = 0.01
"""Linear values below this are all as dark to the eye."""
SHARES = (1.0, 0.6)
"""How far to go to what was solved; the errors of a guess grow with the way."""


def is_strength(parameter: Parameter) -> bool:
    """Whether it says how much light there is."""
    return bool(STRENGTHS.search(parameter.label)) and not SURFACE.search(parameter.label)


def is_colour(parameter: Parameter) -> bool:
    """Whether it may be the colour of a light."""
    return bool(COLOURS.search(parameter.label)) and not SURFACE.search(parameter.label)


@dataclass
class _Unknowns:
    """Columns of the least-squares problem."""

    columns: list[np.ndarray] = field(default_factory=list)
    """[P, 3] each, the light of one unit."""
    start: list[float] = field(default_factory=list)
    colours: dict[tuple[int, int], int] = field(default_factory=dict)
    """By parameter and channel, the column."""
    strengths: dict[int, int] = field(default_factory=dict)
    """By axis, the column, of lights without a colour."""

    def add(self, column: np.ndarray, start: float) -> int:
        self.columns.append(column)
        self.start.append(start)
        return len(self.columns) - 1


class Relighting:
    """Of one program and one target."""

    def __init__(self, space: Space, here: np.ndarray, image: np.ndarray, target: np.ndarray) -> None:
        """
        Args:
            space: of the program.
            here: [N], the program's point, from which all pictures differ in one number.
            image: [H, W, 3] uint8 sRGB, its picture.
            target: of the same size.
        """
        self._space, self.here, self._image, self._target = space, here, image, target
        self._strengths = [
            index
            for index, axis in enumerate(space.axes)
            if axis.channel is None and is_strength(space.parameters[axis.parameter]) and not axis.whole
        ]
        self._colours: dict[int, list[int]] = {}
        for index, axis in enumerate(space.axes):
            if axis.channel is not None and is_colour(space.parameters[axis.parameter]):
                self._colours.setdefault(axis.parameter, []).append(index)
        self._seen: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self.axes = frozenset([*self._strengths, *(axis for axes in self._colours.values() for axis in axes)])
        """Those that it needs a picture of, each beside `here`."""

    def see(self, axis: int, point: np.ndarray, image: np.ndarray) -> None:
        """Take in the picture of a point that differs from `here` along one axis."""
        if self._value(point, axis) != self._value(self.here, axis):
            self._seen[axis] = point, image

    def _value(self, point: np.ndarray, axis: int) -> float:
        return self._space.axes[axis].from_unit(float(point[axis]))

    def points(self) -> list[np.ndarray]:
        """Points [N] whose light comes nearest to the target's; none where no light is known."""
        strengths = [axis for axis in self._strengths if axis in self._seen]
        if not strengths and not any(axis in self._seen for axes in self._colours.values() for axis in axes):
            return []
        base, target, slopes = self._linear()
        colours = {parameter: axes for parameter, axes in self._colours.items() if all(axis in slopes for axis in axes)}
        links = self._links(strengths, colours, slopes)
        unknowns = self._unknowns(strengths, colours, slopes, links)
        if not unknowns.columns:
            return []
        solved = _solved(unknowns, base, target)
        points = []
        for share in SHARES:
            values = [begin + share * (end - begin) for begin, end in zip(unknowns.start, solved, strict=True)]
            point = self._point(unknowns, values, links)
            if not np.allclose(point, self.here):
                points.append(point)
        return points

    def _linear(self) -> tuple[np.ndarray, np.ndarray, dict[int, np.ndarray]]:
        """The first picture, the target, and the change a unit of each axis, in linear light and coarse [P, 3]."""
        pictures = {axis: image for axis, (_, image) in self._seen.items()}
        dim = np.all(
            [image.max(axis=-1) < CLIPPED for image in (self._image, self._target, *pictures.values())], axis=0
        )
        if dim.mean() < LEAST_SEEN:
            dim = np.ones_like(dim)

        def coarse(image: np.ndarray) -> np.ndarray:
            levels = halves(to_linear(image / 255.0) * dim[..., None])
            return levels[-2 if len(levels) > 1 else -1].reshape(-1, 3)

        base = coarse(self._image)
        slopes = {}
        for axis, image in pictures.items():
            change = self._value(self._seen[axis][0], axis) - self._value(self.here, axis)
            slopes[axis] = (coarse(image) - base) / change
        return base, coarse(self._target), slopes

    def _light_of(self, axes: list[int], slopes: Mapping[int, np.ndarray]) -> np.ndarray:
        """All the light of a colour [P, 3]."""
        light = np.zeros_like(slopes[axes[0]])
        for channel, axis in enumerate(axes):
            light[:, channel] = slopes[axis][:, channel] * self._value(self.here, axis)
        return light

    def _links(
        self, strengths: list[int], colours: Mapping[int, list[int]], slopes: Mapping[int, np.ndarray]
    ) -> dict[int, list[int]]:
        """The colours of each strength's light: those whose light follows it. A variable may set several lights."""
        if not colours:
            return {axis: [] for axis in strengths}
        lights = np.stack([self._light_of(axes, slopes).ravel() for axes in colours.values()], axis=1)
        links, taken = {}, set()
        for axis in strengths:
            whole = (slopes[axis] * self._value(self.here, axis)).ravel()
            shares = nnls(lights, whole)[0]
            links[axis] = [
                parameter
                for parameter, share in zip(colours, shares, strict=True)
                if share >= OF_A_COLOUR and parameter not in taken
            ]
            taken.update(links[axis])
        return links

    def _unknowns(
        self,
        strengths: list[int],
        colours: Mapping[int, list[int]],
        slopes: Mapping[int, np.ndarray],
        links: Mapping[int, list[int]],
    ) -> _Unknowns:
        unknowns, linked = _Unknowns(), {parameter for found in links.values() for parameter in found}
        for parameter, axes in colours.items():
            # a colour that no strength goes with is a light's if it is no socket: sockets are of surfaces, too
            if parameter in linked or "inputs" not in self._space.parameters[parameter].label:
                for channel, axis in enumerate(axes):
                    column = np.zeros_like(slopes[axis])
                    column[:, channel] = slopes[axis][:, channel]
                    unknowns.colours[parameter, channel] = unknowns.add(column, self._value(self.here, axis))
        for axis in strengths:
            value = self._value(self.here, axis)
            whole = slopes[axis] * value
            rest = whole - sum(
                (self._light_of(colours[parameter], slopes) for parameter in links[axis]), np.zeros_like(whole)
            )
            if not links[axis] or np.linalg.norm(rest) > COLOURLESS * np.linalg.norm(whole):
                unknowns.strengths[axis] = unknowns.add(slopes[axis] if not links[axis] else rest / value, value)
        return unknowns

    def _point(self, unknowns: _Unknowns, values: list[float], links: Mapping[int, list[int]]) -> np.ndarray:
        """The point of solved values: a strength says how much light there is, and its colours are no darker than they
        were."""
        point, moved = self.here.copy(), {}
        for axis, column in unknowns.strengths.items():
            moved[axis] = values[column] / max(unknowns.start[column], 1e-9)
        factor_of: dict[int, float] = {}
        for axis, parameters in links.items():
            known = [parameter for parameter in parameters if (parameter, 0) in unknowns.colours]
            if known:
                moved[axis] = max(
                    max(values[unknowns.colours[parameter, channel]] for channel in range(3))
                    / max(*(unknowns.start[unknowns.colours[parameter, channel]] for channel in range(3)), 1e-9)
                    for parameter in known
                )
                factor_of |= {parameter: moved[axis] for parameter in known}
        for axis, factor in moved.items():
            point[axis] = self._space.axes[axis].to_unit(self._value(self.here, axis) * factor)
        for (parameter, channel), column in unknowns.colours.items():
            axis = self._colours[parameter][channel]
            factor = factor_of.get(parameter, 1.0)
            if factor > 1e-6:
                point[axis] = self._space.axes[axis].to_unit(min(values[column] / factor, 1.0))
        return point


def _solved(unknowns: _Unknowns, base: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The values that come nearest to a target, where errors weigh as they are seen, pixels as much as their mean."""
    start = np.array(unknowns.start)
    columns = np.stack(unknowns.columns)  # [K, P, 3]
    fixed = base - np.einsum("k,kpc->pc", start, columns)
    slope = np.maximum(target, DARK) ** (1.0 / 2.2 - 1.0)
    mean_slope = np.maximum(target.mean(axis=0), DARK) ** (1.0 / 2.2 - 1.0)
    rows = (columns * slope).reshape(len(start), -1).T / np.sqrt(len(base))
    right = ((target - fixed) * slope).ravel() / np.sqrt(len(base))
    means = (columns.mean(axis=1) * mean_slope).T
    mean_right = (target - fixed).mean(axis=0) * mean_slope
    usual = np.maximum(start, start.max(initial=0.0) * 1e-3 + 1e-6)
    # ridge: a light that leaves its value by as much as it is costs a little of what it shows
    ridge = RIDGE * np.linalg.norm(rows * usual, axis=0) / usual
    matrix = np.concatenate([rows, means, np.diag(ridge)])
    wanted = np.concatenate([right, mean_right, ridge * start])
    most = np.maximum(MOST * start, 1.0)
    return lsq_linear(matrix, wanted, bounds=(np.zeros_like(start), most)).x
