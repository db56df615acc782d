"""What grows over a surface: rust, verdigris and moss."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from editor3d.editors.procedural.basis.surface import Surface
from editor3d.editors.procedural.basis.tone import mix, smoothstep
from editor3d.editors.procedural.solid.light import Coat, between, linear
from editor3d.editors.procedural.solid.metals import BRONZE, Metal, metal
from editor3d.editors.procedural.solid.noise import cells, fractal

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Rust:
    """Rust over steel, more in crevices. Colours are sRGB."""

    metal: Metal = Metal((0.42, 0.42, 0.43), rough=0.55)
    colors: tuple[Color, Color, Color] = ((0.21, 0.11, 0.08), (0.45, 0.22, 0.11), (0.67, 0.38, 0.17))
    """From the oldest rust to the youngest."""
    share: float = 0.62
    """How much of the surface it covers, about."""


@dataclass(frozen=True)
class Verdigris:
    """The green crust of bronze and copper that stood outside: below, in crevices and where rain runs."""

    metal: Metal = BRONZE
    colors: tuple[Color, Color] = ((0.38, 0.62, 0.53), (0.22, 0.44, 0.40))
    share: float = 0.6


@dataclass(frozen=True)
class Moss:
    """Cushions of moss, on top and in crevices."""

    colors: tuple[Color, Color] = ((0.16, 0.27, 0.06), (0.46, 0.54, 0.16))
    share: float = 0.5
    """How much of what faces up halfway it covers, about."""


def rust(surface: Surface, look: Rust = Rust()) -> Coat:
    points, width = surface.points, surface.footprint
    patch = fractal(points, width, 1.8, octaves=5, gain=0.6, seed=91)
    fine = fractal(points, width, 12.0, octaves=4, gain=0.7, seed=92)
    spread = patch + 0.3 * fine + 1.2 * surface.concavity.clamp(-0.1, 0.3) + (look.share - 0.5)
    covered = smoothstep(-0.06, 0.10, spread)
    old, middle, young = (linear(*color) for color in look.colors)
    tone = 0.5 + 1.3 * fine + 0.7 * patch
    crust = mix(between(2.0 * tone, old, middle), young, smoothstep(0.55, 1.1, tone))
    crust = (crust * (1.0 + 0.7 * fine)[..., None]).clamp(0.0, 1.0)
    bare = metal(surface, look.metal)
    albedo = mix(bare.albedo, crust, covered)
    return Coat(albedo, height=covered * (0.012 + 0.020 * fine), metal=1.0 - covered, rough=0.55 + 0.45 * covered)


def verdigris(surface: Surface, look: Verdigris = Verdigris()) -> Coat:
    points, width = surface.points, surface.footprint
    runs = points * points.new_tensor([1.0, 1.0, 0.30])  # drawn out by the rain that runs down
    streak = fractal(runs, width, 3.0, octaves=4, gain=0.6, seed=95)
    fine = fractal(points, width, 14.0, octaves=3, gain=0.7, seed=96)
    spread = streak + 0.25 * fine + 1.6 * surface.concavity.clamp(-0.15, 0.3) + (look.share - 0.5)
    covered = smoothstep(-0.05, 0.22, spread)
    crust = between(0.5 + fine + streak, linear(*look.colors[0]), linear(*look.colors[1]))
    bare = metal(surface, look.metal)
    albedo = mix(bare.albedo * 0.7, (crust * (1.0 + 0.4 * fine)[..., None]).clamp(0.0, 1.0), covered)
    return Coat(albedo, height=covered * 0.008 * (1.0 + fine), metal=1.0 - covered, rough=0.45 + 0.5 * covered)


def moss_share(surface: Surface, look: Moss = Moss()) -> Tensor:
    """How far moss covers each pixel: [H, W] in 0..1."""
    points, width = surface.points, surface.footprint
    patch = fractal(points, width, 2.2, octaves=4, gain=0.6, seed=101)
    up = surface.normals[..., 2]
    wet = 0.75 * up + 2.2 * surface.concavity.clamp(-0.1, 0.25) + 1.1 * patch
    return smoothstep(0.42, 0.62, wet + 0.4 * (look.share - 0.5) + 0.1)


def moss(surface: Surface, look: Moss = Moss()) -> Coat:
    """The moss itself, all over; `moss_share` says where it grows."""
    points, width = surface.points, surface.footprint
    tuft = cells(points, 22.0, seed=103)
    fine = fractal(points, width, 30.0, octaves=3, gain=0.8, seed=104)
    patch = fractal(points, width, 3.0, octaves=3, seed=105)
    seen = (2.0 - 2.5 * 22.0 * width).clamp(0.0, 1.0)
    round_ = (1.0 - tuft.inside) * seen
    albedo = between(
        0.25 + 0.9 * round_ * 0.6 + 0.8 * fine + 0.6 * patch, linear(*look.colors[0]), linear(*look.colors[1])
    )
    return Coat(albedo, height=0.016 * round_ + 0.010 * fine, rough=1.0)
