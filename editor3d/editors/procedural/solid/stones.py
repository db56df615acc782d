"""Stones without joints: marble, granite, plain stone, concrete and glowing lava."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from editor3d.editors.procedural.basis.surface import Surface
from editor3d.editors.procedural.basis.tone import mix, smoothstep
from editor3d.editors.procedural.solid.light import Coat, between, linear
from editor3d.editors.procedural.solid.noise import cells, fractal

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Marble:
    """Colours are sRGB."""

    ground: Color = (0.95, 0.94, 0.92)
    cloud: Color = (0.76, 0.77, 0.79)
    vein: Color = (0.28, 0.29, 0.33)
    scale: float = 1.5
    """Large veins in a radius."""
    gloss: float = 0.10


@dataclass(frozen=True)
class Granite:
    """Grains of three colours, by how much of each."""

    colors: tuple[Color, Color, Color] = ((0.70, 0.66, 0.64), (0.45, 0.41, 0.41), (0.13, 0.12, 0.13))
    scale: float = 26.0
    """Grains in a radius."""
    gloss: float = 0.06


@dataclass(frozen=True)
class Stone:
    """Rough stone of one colour: patches, pits and crumbs."""

    color: Color = (0.58, 0.55, 0.50)
    patch: Color = (0.42, 0.40, 0.37)
    rough: float = 0.020
    """Height of the relief."""
    scale: float = 5.0
    pits: float = 0.5
    """How dark the pits are, 0..1."""


CONCRETE = Stone(color=(0.64, 0.63, 0.61), patch=(0.54, 0.53, 0.52), rough=0.006, scale=3.0, pits=0.8)


@dataclass(frozen=True)
class Lava:
    """A black crust over cracks that glow."""

    crust: Color = (0.10, 0.08, 0.08)
    hot: Color = (1.0, 0.32, 0.03)
    core: Color = (1.0, 0.85, 0.30)
    scale: float = 3.5


def marble(surface: Surface, look: Marble = Marble()) -> Coat:
    """Veins lie where bent noise is 0: thin sheets through the block, some strong, many faint."""
    points, width = surface.points, surface.footprint
    shift = torch.stack([fractal(points, width, 1.4 * look.scale, octaves=3, seed=20 + k) for k in range(3)], -1)
    bent = points + 0.55 * shift / look.scale

    def veins(scale: float, thin: float, seed: int) -> torch.Tensor:
        value = fractal(bent, width, scale, octaves=2, gain=0.35, seed=seed).abs()
        thin_now = thin + 0.8 * scale * width  # never thinner than a pixel
        return torch.exp(-((value / thin_now) ** 2)) * (thin / thin_now)

    strength = smoothstep(-0.45, 0.15, fractal(points, width, 0.9 * look.scale, octaves=2, seed=27))
    strong = veins(look.scale, 0.028, 24) * strength
    faint = veins(2.6 * look.scale, 0.030, 25)
    halo = veins(look.scale, 0.10, 24) * strength
    cloud = smoothstep(-0.35, 0.55, fractal(bent, width, 1.6 * look.scale, octaves=4, seed=26))
    albedo = between(0.55 * cloud + 0.45 * halo, linear(*look.ground), linear(*look.cloud))
    albedo = mix(albedo, linear(*look.vein), (0.92 * strong + 0.45 * faint).clamp(0.0, 1.0))
    return Coat(albedo, rough=0.25, gloss=look.gloss, mirror=0.4, photo=0.7)


def granite(surface: Surface, look: Granite = Granite()) -> Coat:
    """Crystals are cells; the number of each says which mineral it is."""
    grain = cells(surface.points, look.scale, seed=31)
    patches = fractal(surface.points, surface.footprint, 2.0, octaves=2, seed=32)
    kind = grain.number + 0.25 * patches
    light, middle, dark = (linear(*color) for color in look.colors)
    albedo = between(smoothstep(0.40, 0.45, kind), light, middle)
    albedo = mix(albedo, dark, smoothstep(0.72, 0.76, kind))
    mean = 0.45 * light + 0.3 * middle + 0.25 * dark
    seen = (2.0 - 2.5 * look.scale * surface.footprint).clamp(0.0, 1.0)
    return Coat(mix(mean.expand_as(albedo), albedo, seen), rough=0.3, gloss=look.gloss, mirror=0.3)


def stone(surface: Surface, look: Stone = Stone()) -> Coat:
    points, width = surface.points, surface.footprint
    coarse = fractal(points, width, look.scale, octaves=5, gain=0.6, seed=41)
    fine = fractal(points, width, 6.0 * look.scale, octaves=3, gain=0.7, seed=42)
    hole = smoothstep(0.30, 0.55, fractal(points, width, 9.0 * look.scale, octaves=1, seed=43)) * look.pits
    albedo = between(0.5 + 1.1 * coarse, linear(*look.color), linear(*look.patch))
    albedo = albedo * (1.0 + 0.45 * fine - 0.6 * hole)[..., None]
    return Coat(albedo.clamp(0.0, 1.0), height=look.rough * (coarse + 0.3 * fine) - 0.006 * hole, rough=1.0)


def lava(surface: Surface, look: Lava = Lava()) -> Coat:
    points, width = surface.points, surface.footprint
    shift = torch.stack([fractal(points, width, 3.0, octaves=2, seed=50 + k) for k in range(3)], -1)
    plates = cells(points + 0.18 * shift, look.scale, seed=54)
    wide = 0.03 + 0.05 * smoothstep(-0.3, 0.4, fractal(points, width, 1.2, octaves=1, seed=55))
    crack = 1.0 - smoothstep(0.0, 1.0, plates.border / (2.2 * wide))
    rough = fractal(points, width, 14.0, octaves=3, seed=56)
    albedo = linear(*look.crust) * (1.0 + 0.6 * rough)[..., None]
    heat = crack**1.5
    glow = heat[..., None] * between(crack**4, linear(*look.hot), linear(*look.core)) * 1.4
    return Coat(albedo.clamp(0.0, 1.0), height=0.03 * (1.0 - crack) + 0.01 * rough, rough=0.9, glow=glow)
