"""Metals: what they mirror, in their own colour; tarnish, and foil that shines in all colours."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from editor3d.editors.procedural.basis.surface import Surface
from editor3d.editors.procedural.basis.tone import mix, smoothstep
from editor3d.editors.procedural.solid.light import Coat, linear
from editor3d.editors.procedural.solid.noise import fractal

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Metal:
    """Colours are sRGB: of light that falls on it squarely."""

    color: Color
    tarnish: Color = (0.20, 0.14, 0.08)
    """Of what settles in crevices,"""
    dirt: float = 0.5
    """and how much of it, 0..1."""
    rough: float = 0.30
    mirror: float = 0.25
    """See `Coat.mirror`."""
    hammered: float = 0.0
    """Height of a hammered relief."""


GOLD = Metal((1.0, 0.80, 0.34), tarnish=(0.36, 0.20, 0.05))
SILVER = Metal((0.96, 0.95, 0.93), tarnish=(0.16, 0.15, 0.14))
BRONZE = Metal((0.80, 0.56, 0.33), tarnish=(0.16, 0.11, 0.06), dirt=0.8, rough=0.45)
COPPER = Metal((0.97, 0.64, 0.50), tarnish=(0.30, 0.13, 0.08), rough=0.35)
BRASS = Metal((0.94, 0.80, 0.46), tarnish=(0.30, 0.22, 0.08), rough=0.35)
CHROME = Metal((0.94, 0.95, 0.97), tarnish=(0.1, 0.1, 0.1), dirt=0.1, rough=0.06, mirror=0.6)
STEEL = Metal((0.70, 0.71, 0.73), tarnish=(0.15, 0.15, 0.15), dirt=0.4, rough=0.5)


def metal(surface: Surface, look: Metal) -> Coat:
    points, width = surface.points, surface.footprint
    waves = fractal(points, width, 5.0, octaves=3, seed=61)
    settled = look.dirt * smoothstep(0.02, 0.30, surface.concavity + 0.10 * waves)
    albedo = mix(linear(*look.color).expand(*width.shape, 3), linear(*look.tarnish), settled)
    rough = (look.rough + 0.4 * settled + 0.10 * waves).clamp(0.03, 1.0)
    return Coat(albedo, height=0.003 * waves, metal=1.0 - 0.5 * settled, rough=rough, mirror=look.mirror)


@dataclass(frozen=True)
class Foil:
    """Bands of all colours that follow the way the surface faces."""

    bands: float = 2.2
    """How often the colours repeat over half a turn."""
    rough: float = 0.2


def foil(surface: Surface, look: Foil = Foil()) -> Coat:
    points, width = surface.points, surface.footprint
    bent = fractal(points, width, 2.0, octaves=2, seed=71)
    facing = surface.normals @ torch.tensor([0.5, 0.6, 0.62]) + 0.25 * (surface.toward * surface.normals).sum(-1)
    phase = 2.0 * torch.pi * (look.bands * 0.5 * facing + 0.5 * bent)
    albedo = torch.stack([0.62 + 0.38 * torch.cos(phase + shift) for shift in (0.0, 2.09, 4.19)], -1)
    return Coat(albedo**1.4, height=0.004 * bent, metal=0.8, rough=look.rough, mirror=0.6)
