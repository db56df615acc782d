"""What is woven, knitted or tanned: wool, leather and carbon fibre. Patterns lie on the side that the surface faces."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from editor3d.editors.procedural.basis.surface import Surface
from editor3d.editors.procedural.basis.tone import smoothstep
from editor3d.editors.procedural.solid.light import Coat, between, linear
from editor3d.editors.procedural.solid.noise import cells, fractal

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Wool:
    """Knitted in stockinette stitch. Colours are sRGB."""

    color: Color = (0.86, 0.80, 0.68)
    shadow: Color = (0.42, 0.35, 0.26)
    stitches: float = 11.0
    """In a radius."""


@dataclass(frozen=True)
class Leather:
    color: Color = (0.47, 0.26, 0.13)
    crease: Color = (0.16, 0.08, 0.04)
    scale: float = 26.0
    """Wrinkles in a radius."""


@dataclass(frozen=True)
class CarbonFibre:
    dark: Color = (0.03, 0.03, 0.035)
    bright: Color = (0.30, 0.31, 0.33)
    threads: float = 20.0
    """In a radius."""


def sheet(surface: Surface) -> tuple[Tensor, Tensor]:
    """Two coordinates [H, W] along the surface: round the side or the front, and up; on top, right and front.

    Each pixel takes them from the side of a box that it faces most (box mapping), so that patterns stay undistorted.
    """
    x, y, z = surface.points.unbind(-1)
    facing = surface.normals.abs().argmax(-1)
    return torch.where(facing == 0, y, x), torch.where(facing == 2, y, z)


def wool(surface: Surface, look: Wool = Wool()) -> Coat:
    """Each column of stitches is a row of V: two legs that lean towards each other."""
    points, width = surface.points, surface.footprint
    across, up = sheet(surface)
    column = look.stitches * across
    row = 1.25 * look.stitches * up
    part = column - column.floor() - 0.5
    lean = row - 1.1 * part.abs()  # the two legs of a stitch
    leg = lean - lean.floor() - 0.5
    ridge = 1.0 - (2.0 * leg.abs()) ** 2
    gap = smoothstep(0.0, 0.16, part.abs()) * smoothstep(0.0, 0.10, 0.5 - part.abs())
    fuzz = fractal(points, width, 40.0, octaves=2, gain=0.8, seed=151)
    seen = (2.0 - 2.5 * look.stitches * width).clamp(0.0, 1.0)
    yarn = 0.6 + (ridge * gap - 0.6) * seen
    albedo = between(yarn + 0.35 * fuzz, linear(*look.shadow), linear(*look.color))
    return Coat(albedo, height=0.020 * yarn + 0.004 * fuzz, rough=1.0)


def leather(surface: Surface, look: Leather = Leather()) -> Coat:
    points, width = surface.points, surface.footprint
    shift = torch.stack([fractal(points, width, 12.0, octaves=2, seed=155 + k) for k in range(3)], -1)
    grain = cells(points + 0.02 * shift, look.scale, seed=158)
    seen = (2.0 - 2.5 * look.scale * width).clamp(0.0, 1.0)
    pebble = 0.7 + (smoothstep(0.0, 0.30, grain.border) - 0.7) * seen
    worn = fractal(points, width, 2.5, octaves=3, seed=159)
    shade = pebble + 0.3 * worn - 0.8 * surface.concavity.clamp(0.0, 0.3)
    albedo = between(shade, linear(*look.crease), linear(*look.color)) * (1.0 + 0.5 * worn)[..., None]
    return Coat(albedo.clamp(0.0, 1.0), height=0.010 * pebble, rough=0.45, gloss=0.06, mirror=0.3)


def carbon_fibre(surface: Surface, look: CarbonFibre = CarbonFibre()) -> Coat:
    """Twill: threads go over two and under two, each row shifted by one; bright where they turn towards the light."""
    across, up = sheet(surface)
    u, v = look.threads * across, look.threads * up
    over = torch.remainder(u.floor() + v.floor(), 4.0) < 2.0
    along = torch.where(over, u, v)
    bulge = torch.sin(torch.pi * (along - along.floor()))
    seen = (2.0 - 2.5 * look.threads * surface.footprint).clamp(0.0, 1.0)
    shine = 0.4 + (torch.where(over, 0.75 * bulge, 0.25 * bulge) - 0.4) * seen
    albedo = between(shine, linear(*look.dark), linear(*look.bright))
    return Coat(albedo, height=0.002 * bulge * seen, rough=0.12, gloss=0.08, mirror=0.5)
