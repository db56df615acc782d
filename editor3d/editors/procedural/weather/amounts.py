"""How much of a weather there is, by the word of the sentence."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor

from editor3d.editors.procedural.basis.surface import Surface
from editor3d.editors.procedural.weather import fog, rain, snow

WEATHER: dict[str, dict[str, Callable[[Tensor, Surface], Tensor]]] = {
    "snow": {
        "": snow.snow,
        "light": partial(snow.snow, fall=snow.THIN),
        "heavy": partial(snow.snow, fall=snow.DEEP),
        "falling": partial(snow.snow, fall=snow.FALLING),
    },
    "fog": {
        "": fog.fog,
        "light": partial(fog.fog, haze=fog.LIGHT),
        "heavy": partial(fog.fog, haze=fog.HEAVY),
    },
    "rain": {
        "": rain.rain,
        "light": partial(rain.rain, fall=rain.LIGHT),
        "heavy": partial(rain.rain, fall=rain.HEAVY),
        "after": partial(rain.rain, fall=rain.AFTER),
    },
}
"""Maps of (picture, surface) by the effect and its amount (`vocabulary.AMOUNTS`); an empty amount is the usual one."""
