"""Burnt earth: clay as it is, and porcelain under a glaze that has cracked."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from editor3d.editors.procedural.basis.surface import Surface
from editor3d.editors.procedural.basis.tone import mix, smoothstep
from editor3d.editors.procedural.solid.light import Coat, between, linear
from editor3d.editors.procedural.solid.noise import cells, fractal

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Clay:
    """Colours are sRGB."""

    colors: tuple[Color, Color] = ((0.76, 0.40, 0.25), (0.62, 0.29, 0.17))
    grooves: float = 22.0
    """Marks of the potter's wheel in a radius, round the vertical."""


@dataclass(frozen=True)
class Porcelain:
    """White under a glaze, with blue in the crevices."""

    ground: Color = (0.96, 0.97, 0.98)
    paint: Color = (0.10, 0.20, 0.52)
    scale: float = 4.0
    """Painted tendrils in a radius,"""
    painted: float = 0.8
    """and how strong they are."""
    crackle: float = 0.25
    """How dark the glaze's cracks are, 0..1."""


def clay(surface: Surface, look: Clay = Clay()) -> Coat:
    points, width = surface.points, surface.footprint
    patch = fractal(points, width, 2.5, octaves=3, seed=111)
    fine = fractal(points, width, 20.0, octaves=3, gain=0.7, seed=112)
    seen = (2.0 - 3.0 * look.grooves * width).clamp(0.0, 1.0)
    groove = torch.sin(2.0 * torch.pi * look.grooves * (points[..., 2] + 0.02 * patch)) * seen
    albedo = between(0.5 + 0.9 * patch + 0.4 * fine, linear(*look.colors[0]), linear(*look.colors[1]))
    albedo = albedo * (1.0 + 0.3 * fine)[..., None]
    return Coat(albedo.clamp(0.0, 1.0), height=0.0016 * groove + 0.003 * fine, rough=0.9, gloss=0.01)


def porcelain(surface: Surface, look: Porcelain = Porcelain()) -> Coat:
    points, width = surface.points, surface.footprint
    shift = torch.stack([fractal(points, width, 2.0, octaves=2, seed=115 + k) for k in range(3)], -1)
    value = fractal(points + 0.30 * shift, width, look.scale, octaves=1, seed=118).abs()
    thin = 0.035 + look.scale * width
    tendril = torch.exp(-((value / thin) ** 2)) * (0.035 / thin)
    where = smoothstep(0.02, 0.10, fractal(points, width, 1.5, octaves=2, seed=119))
    glaze = cells(points + 0.02 * shift, 9.0, seed=120)
    crack = (1.0 - smoothstep(0.0, 1.0, glaze.border / (0.03 + 9.0 * width))) * (0.03 / (0.03 + 9.0 * width))
    ground = linear(*look.ground).expand(*width.shape, 3)
    albedo = mix(ground, linear(*look.paint), look.painted * tendril * where)
    albedo = mix(albedo, linear(0.45, 0.42, 0.38), look.crackle * crack)
    return Coat(albedo, rough=0.08, gloss=0.22, mirror=0.5, photo=0.8)
