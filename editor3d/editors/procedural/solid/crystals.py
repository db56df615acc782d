"""What light goes into: ice, jade and obsidian. Where they are thin or seen at a slant, they are lighter."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from editor3d.editors.procedural.basis.surface import Surface
from editor3d.editors.procedural.basis.tone import mix, smoothstep
from editor3d.editors.procedural.solid.light import Coat, between, linear
from editor3d.editors.procedural.solid.noise import cells, fractal

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Ice:
    """Colours are sRGB."""

    deep: Color = (0.36, 0.62, 0.78)
    clear: Color = (0.84, 0.94, 0.98)
    crack: Color = (0.97, 0.99, 1.0)
    scale: float = 2.6
    """Cracked blocks in a radius."""


@dataclass(frozen=True)
class Jade:
    deep: Color = (0.10, 0.38, 0.26)
    pale: Color = (0.55, 0.76, 0.58)
    scale: float = 1.6


@dataclass(frozen=True)
class Obsidian:
    color: Color = (0.04, 0.04, 0.05)
    band: Color = (0.12, 0.10, 0.11)


def rim(surface: Surface) -> Tensor:
    """Where little material lies behind the surface: ridges, and what is seen at a slant. [H, W] in 0..1."""
    slant = 1.0 - (surface.normals * surface.toward).sum(-1).clamp(0.0, 1.0)
    return (0.55 * slant**2 + 1.6 * (-surface.concavity).clamp(0.0, 0.4)).clamp(0.0, 1.0)


def ice(surface: Surface, look: Ice = Ice()) -> Coat:
    points, width = surface.points, surface.footprint
    shift = torch.stack([fractal(points, width, 2.0, octaves=2, seed=121 + k) for k in range(3)], -1)
    blocks = cells(points + 0.25 * shift, look.scale, seed=124)
    thin = 0.05 + 1.5 * look.scale * width
    crack = (1.0 - smoothstep(0.0, 1.0, blocks.border / thin)) * (0.05 / thin)
    cloud = smoothstep(-0.2, 0.5, fractal(points + 0.3 * shift, width, 3.0, octaves=4, gain=0.6, seed=125))
    albedo = between(0.15 + 0.55 * cloud + 0.5 * rim(surface), linear(*look.deep), linear(*look.clear))
    albedo = mix(albedo, linear(*look.crack), 0.8 * crack)
    glow = 0.10 * albedo * (0.3 + rim(surface))[..., None]
    height = 0.010 * fractal(points, width, 5.0, octaves=2, seed=126) - 0.006 * crack
    return Coat(albedo, height=height, rough=0.06, gloss=0.30, mirror=0.6, glow=glow, photo=0.6)


def jade(surface: Surface, look: Jade = Jade()) -> Coat:
    points, width = surface.points, surface.footprint
    shift = torch.stack([fractal(points, width, 1.5, octaves=2, seed=131 + k) for k in range(3)], -1)
    cloud = fractal(points + 0.5 * shift, width, look.scale, octaves=5, gain=0.55, seed=134)
    albedo = between(0.35 + 1.2 * cloud + 0.5 * rim(surface), linear(*look.deep), linear(*look.pale))
    glow = 0.12 * albedo * (0.2 + rim(surface))[..., None]
    return Coat(albedo, rough=0.15, gloss=0.16, mirror=0.5, glow=glow, photo=0.7)


def obsidian(surface: Surface, look: Obsidian = Obsidian()) -> Coat:
    points, width = surface.points, surface.footprint
    flow = fractal(points * points.new_tensor([0.5, 0.5, 2.0]), width, 3.0, octaves=3, seed=141)
    albedo = between(0.4 + flow, linear(*look.color), linear(*look.band))
    return Coat(albedo, height=0.004 * flow, rough=0.05, gloss=0.12, mirror=0.7, photo=0.8)
