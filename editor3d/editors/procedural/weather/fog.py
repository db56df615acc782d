"""Fog that fills the scene: what lies far from its middle vanishes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from editor3d.editors.procedural.basis.surface import Surface
from editor3d.editors.procedural.basis.tone import mix, saturate
from editor3d.editors.procedural.weather.noise import noise

_HIGH, _LOW = (0.82, 0.85, 0.88), (0.72, 0.76, 0.80)


@dataclass(frozen=True)
class Haze:
    """How thick the fog is."""

    middle: float = 0.26
    """The share of light that it takes at the scene's middle."""
    density: float = 0.75
    """The optical depth of each further unit."""
    ground: float = 0.5
    """The optical depth besides where it gathers, low over the ground."""


LIGHT = Haze(middle=0.13, density=0.35, ground=0.2)
USUAL = Haze()
HEAVY = Haze(middle=0.40, density=1.3, ground=0.9)


def fog(image: Tensor, surface: Surface, haze: Haze = USUAL) -> Tensor:
    """What is left of the light is T = exp(-tau) with the optical depth tau of the way through the fog.

    The way is counted for viewers all round the scene's middle: a point of the surface looks alike from every side, and
    what lies far behind the middle vanishes.
    """
    away = (surface.points.norm(dim=-1) - 0.55).clamp(min=0.0)
    low = torch.exp(-1.6 * (surface.points[..., 2] + 1.0).clamp(min=0.0))
    drift = 0.75 + 0.5 * noise(surface, 0.9, 31, 2)
    depth = drift * (haze.density * away**1.3 + haze.ground * low) - math.log1p(-haze.middle)
    height = (0.5 - 0.35 * surface.toward[..., 2]).clamp(0.0, 1.0)
    air = mix(image.new_tensor(_LOW).expand_as(image), image.new_tensor(_HIGH), height)
    return mix(air, saturate(image, 0.8), torch.exp(-depth) * surface.known)
