"""Snow: it lies on what faces up and sees the sky, in a winter's light."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from editor3d.editors.procedural.basis.surface import Surface
from editor3d.editors.procedural.basis.tone import blur, flatten, greenness, luma, mix, saturate, smoothstep
from editor3d.editors.procedural.weather.noise import chance, noise


@dataclass(frozen=True)
class Snowfall:
    """How much has fallen, and what the air is like."""

    steepest: float = 0.50
    """The least cosine to up of what snow stays on."""
    sheltered: float = 0.24
    """The share of the sky below which none has fallen."""
    patchy: float = 0.12
    """How far thin and thick places differ, as a cosine."""
    cold: float = 1.0
    """How wintry what is left bare becomes, 0..1."""
    flakes: float = 0.0
    """How thickly snow still falls, 0..1."""


THIN = Snowfall(steepest=0.86, sheltered=0.30, patchy=0.42, cold=0.8)
USUAL = Snowfall()
DEEP = Snowfall(steepest=0.22, sheltered=0.18, patchy=0.10)
FALLING = Snowfall(steepest=0.62, patchy=0.25, flakes=1.0)
_SHADOW, _LIT, _AIR = (0.54, 0.63, 0.80), (0.97, 0.98, 1.00), (0.78, 0.82, 0.88)
_SUN = (0.35, -0.45, 0.82)
_FLAKES = ((0.16, 0.10), (0.11, 0.12), (0.07, 0.15))
"""Cells of the air that hold a flake each, and the flake's radius as a share of that."""


def cover(surface: Surface, fall: Snowfall) -> Tensor:
    """How much of the ground the snow hides: [H, W] in 0..1."""
    rough = 2.0 * fall.patchy * (noise(surface, 2.5, 11) - 0.5) + 0.06 * (noise(surface, 18.0, 12, 2) - 0.5)
    # Snow gathers in hollows and is blown off ridges.
    flat = surface.normals[..., 2] + rough + 0.25 * surface.concavity
    holds = smoothstep(fall.steepest - 0.12, fall.steepest + 0.12, flat)
    fallen = smoothstep(fall.sheltered - 0.12, fall.sheltered + 0.16, surface.sky + 0.5 * rough)
    return holds * fallen * surface.known


def winter_light(image: Tensor, surface: Surface, cold: float) -> Tensor:
    """What lies bare under a snow cloud: cold and muted, its greens brown and gray."""
    green = smoothstep(0.0, 0.12, greenness(image))
    y = luma(image).unsqueeze(-1)
    bare = mix(image, y * image.new_tensor([0.92, 0.85, 0.76]), 0.75 * green)
    dull = saturate(bare, 0.62) * image.new_tensor([0.88, 0.95, 1.05])
    hazy = mix(dull, image.new_tensor(_AIR), 0.66 - 0.5 * surface.known.float())
    return mix(image, hazy, cold)


def flakes(surface: Surface) -> Tensor:
    """Flakes before the surface, as seen against it: a flake belongs to a point of it, so that all views agree.

    Returns:
        [H, W] in 0..1.
    """
    shown = torch.zeros(surface.known.shape)
    for layer, (size, radius) in enumerate(_FLAKES):
        at = surface.points / size + 0.31 * layer
        cell = at.floor()
        middle = [radius + (1.0 - 2.0 * radius) * chance(cell, 60 + 5 * layer + k) for k in range(3)]
        apart = sum((inside - there) ** 2 for inside, there in zip((at - cell).unbind(-1), middle, strict=True)) ** 0.5
        shown = shown.maximum(smoothstep(radius, 0.6 * radius, apart))
    return shown * surface.known


def snow(image: Tensor, surface: Surface, fall: Snowfall = USUAL) -> Tensor:
    """A cover of snow.

    The photograph's light stays on it as far as it is smooth: shadows, not the texture of what is hidden.
    """
    bright = surface.brightness(lambda: blur(flatten(luma(image), 6.0, 0.15), 4.0))
    light = (bright / surface.light).clamp(0.3, 1.6)
    slope = (surface.normals @ image.new_tensor(_SUN)).clamp(0.0, 1.0)
    grain = 0.10 * (noise(surface, 30.0, 13, 2) - 0.5) + 0.14 * (noise(surface, 4.0, 14, 2) - 0.5)
    hollow = 0.5 * surface.concavity.clamp(0.0, 0.3)
    shade = (0.06 + 0.38 * slope + 0.30 * surface.sky + 0.24 * light - hollow + grain).clamp(0.0, 1.0)
    lying = mix(image.new_tensor(_SHADOW).expand_as(image), image.new_tensor(_LIT), shade)
    out = mix(winter_light(image, surface, fall.cold), lying, cover(surface, fall))
    if fall.flakes:
        out = mix(mix(out, image.new_tensor(_AIR), 0.18 * fall.flakes), image.new_tensor(_LIT), flakes(surface))
    return out
