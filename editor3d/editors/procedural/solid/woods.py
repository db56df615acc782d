"""Wood: rings round an axis, grain along it, and pores."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from editor3d.editors.procedural.basis.surface import Surface
from editor3d.editors.procedural.basis.tone import smoothstep
from editor3d.editors.procedural.solid.light import Coat, between, linear
from editor3d.editors.procedural.solid.noise import fractal

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Wood:
    """Colours are sRGB, lengths shares of the object's radius."""

    early: Color = (0.80, 0.58, 0.35)
    """Of the light wood that grows in spring,"""
    late: Color = (0.50, 0.28, 0.12)
    """and of the dark wood at a ring's end."""
    rings: float = 5.0
    """Rings in a radius."""
    bend: float = 0.16
    """How far rings stray from circles."""
    grain: float = 0.34
    """How much the streaks along the axis darken."""
    tilt: Color = (0.22, 0.12, 0.97)
    """The trunk's axis in the object's frame; nearly up, so that boards show both rings and grain."""
    middle: tuple[float, float] = (0.45, 0.3)
    """Where the trunk's middle lies beside the object's."""
    gloss: float = 0.04


OAK = Wood(early=(0.78, 0.60, 0.38), late=(0.50, 0.32, 0.15), rings=6.5)
WALNUT = Wood(early=(0.47, 0.31, 0.20), late=(0.20, 0.11, 0.06), rings=5.0)
MAHOGANY = Wood(early=(0.58, 0.27, 0.16), late=(0.30, 0.10, 0.06), rings=4.5, gloss=0.10)
POLISHED = Wood(early=(0.74, 0.49, 0.26), late=(0.36, 0.17, 0.06), gloss=0.22)
WEATHERED = Wood(early=(0.66, 0.63, 0.58), late=(0.33, 0.31, 0.28), grain=0.55, gloss=0.0)


def wood(surface: Surface, look: Wood = Wood()) -> Coat:
    """Rings are level sets of the distance from the axis, bent by noise; their dark ends are sharp on one side."""
    axis = torch.nn.functional.normalize(torch.tensor(look.tilt), dim=0)
    side = torch.nn.functional.normalize(torch.linalg.cross(axis, torch.tensor([0.0, 1.0, 0.0])), dim=0)
    other = torch.linalg.cross(axis, side)
    frame = torch.stack([side, other, axis], 1)
    points = surface.points @ frame
    long = points * torch.tensor([1.0, 1.0, 0.25])  # noise is drawn out along the trunk
    bend = fractal(long, surface.footprint, 1.3, octaves=2, seed=11)
    fine = fractal(long, surface.footprint, 5.0, octaves=2, seed=12)
    away = torch.hypot(points[..., 0] - look.middle[0], points[..., 1] - look.middle[1])
    phase = look.rings * (away + look.bend * bend + 0.03 * fine)
    part = phase - phase.floor()
    ring = smoothstep(0.25, 0.9, part) * (1.0 - smoothstep(0.93, 1.0, part))
    seen = (2.0 - 3.0 * look.rings * surface.footprint).clamp(0.0, 1.0)
    ring = 0.35 + (ring - 0.35) * seen * (0.75 + 0.9 * fine)
    streaks = fractal(points * torch.tensor([1.0, 1.0, 0.05]), surface.footprint, 26.0, octaves=2, seed=13)
    pores = smoothstep(0.22, 0.5, streaks)
    albedo = between(0.12 + 0.88 * ring, linear(*look.early), linear(*look.late))
    tone = 1.0 + look.grain * (0.9 * fine - 0.8 * pores + 0.5 * streaks)
    albedo = (albedo * tone[..., None]).clamp(0.0, 1.0)
    return Coat(albedo, height=-0.004 * pores - 0.002 * ring, rough=0.35, gloss=look.gloss, mirror=0.3)
