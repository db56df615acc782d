"""First guesses for another light: how much more there is of it in the target, and in which colour.

Light adds up: lights and a world that are all k times as strong give a picture k times as bright, and an exposure of
e gives 2^e times as much. So the ratio of both pictures' means, in linear light, says at once about where strengths or
the exposure belong, and the ratio of each channel's means where the lights' colours do. Steps then tell the lights
apart. What the view makes of light that is too bright, and lamps that the program does not set, make it a guess.
"""

from __future__ import annotations

import re

import numpy as np

from editor3d.programs.embedded.space import Space
from editor3d.programs.language.syntax import Program
from editor3d.srgb import to_linear

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
SAME = 1.15
"""Ratios of means between this and its inverse need no guess."""
_STRENGTH = re.compile(r"strength|energy|power|watt|intensity", re.IGNORECASE)
_EXPOSURE = re.compile(r"exposure", re.IGNORECASE)
_COLOUR = re.compile(r"(^|\.)colou?r$", re.IGNORECASE)
_SURFACE = re.compile(r"base|diffuse|elements|emission", re.IGNORECASE)


def relit(program: Program, space: Space, image: np.ndarray, target: np.ndarray) -> list[np.ndarray]:
    """Points [N] whose light is about the target's: by strengths and by the exposure, in white light and in colour.

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
        name = space.parameters[axis.parameter].label
        value = axis.from_unit(float(here[index]))
        if axis.channel is not None:
            if _COLOUR.search(name) and not _SURFACE.search(name):
                # strengths say how much light there is, and a colour has no channel above 1
                tinted[index] = axis.to_unit(min(value * tint[axis.channel] / tint.max(), 1.0))
        elif _EXPOSURE.search(name):
            exposed[index] = axis.to_unit(value + np.log2(ratio))
        elif _STRENGTH.search(name) and not _SURFACE.search(name):
            strong[index] = axis.to_unit(value * ratio)
    points = [point for point in (strong, exposed) if not np.array_equal(point, here)]
    if tinted:
        for point in tuple(points):
            coloured = point.copy()
            coloured[list(tinted)] = list(tinted.values())
            points.append(coloured)
    return points
