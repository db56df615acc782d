"""Rain: what sees the sky is wet, darker and glossier, and water stands on level ground."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from editor3d.editors.procedural.basis.surface import Surface
from editor3d.editors.procedural.basis.tone import curve, mix, saturate, smoothstep
from editor3d.editors.procedural.weather.noise import chance, noise


@dataclass(frozen=True)
class Rainfall:
    """How much falls, or has fallen."""

    wet: float = 0.9
    """How far what sees the sky is soaked, 0..1."""
    flooded: float = 0.50
    """The share of level ground that lies under puddles, about."""
    gray: float = 0.8
    """How far the light is that of a rain cloud, 0..1."""
    drops: float = 1.0
    """How many drops strike the puddles, 0..1."""


LIGHT = Rainfall(wet=0.65, flooded=0.3, gray=0.6, drops=0.6)
USUAL = Rainfall()
HEAVY = Rainfall(wet=1.0, flooded=0.68, gray=1.0)
AFTER = Rainfall(gray=0.45, drops=0.0)
_SKY, _HORIZON = (0.82, 0.86, 0.91), (0.44, 0.49, 0.55)
_NORMAL_INCIDENCE = 0.02  # of water
_RINGS = (0.20, 0.31)
"""Sides of the squares that a drop each strikes, in units of the scene."""


def puddles(surface: Surface, flooded: float) -> Tensor:
    """Where water stands: [H, W] in 0..1."""
    level = smoothstep(0.92, 0.97, surface.normals[..., 2]) * smoothstep(0.3, 0.55, surface.sky)
    low = noise(surface, 1.5, 21) + 0.5 * surface.concavity
    edge = 0.75 - 0.5 * flooded
    return level * smoothstep(edge - 0.03, edge + 0.03, low) * surface.known


def ripples(points: Tensor, drops: float) -> Tensor:
    """The rings round drops that strike still water: heights [H, W] in -1..1."""
    height = torch.zeros(points.shape[:2])
    for layer, size in enumerate(_RINGS):
        plan = points[..., :2] / size + 0.43 * layer
        cell = plan.floor()
        middle = torch.stack([0.35 + 0.3 * chance(cell, 70 + 4 * layer + k) for k in range(2)], -1)
        away = (plan - cell - middle).norm(dim=-1)
        ring = 0.08 + 0.20 * chance(cell, 72 + 4 * layer)
        wave = torch.cos(2.0 * torch.pi * (away - ring) / 0.09) * torch.exp(-(((away - ring) / 0.06) ** 2))
        height += wave * (chance(cell, 73 + 4 * layer) < 0.5 * drops) * smoothstep(0.35, 0.25, away)
    return height.clamp(-1.0, 1.0)


def reflected(surface: Surface, normals: Tensor) -> tuple[Tensor, Tensor]:
    """What a film of water with normals [H, W, 3] mirrors of a rain cloud's sky, and how much of it: [H, W, 3], [H, W].

    Fresnel's share by Schlick, F = F0 + (1 - F0) (1 - cos)^5.
    """
    cosine = (normals * surface.toward).sum(-1)
    mirrored = 2.0 * cosine.clamp(min=0.0) * normals[..., 2] - surface.toward[..., 2]
    sky = mix(
        normals.new_tensor(_HORIZON).expand_as(normals), normals.new_tensor(_SKY), smoothstep(-0.1, 0.9, mirrored)
    )
    share = _NORMAL_INCIDENCE + (1.0 - _NORMAL_INCIDENCE) * (1.0 - cosine.clamp(0.0, 1.0)) ** 5
    return sky, share * (cosine > 0.0)


def rain(image: Tensor, surface: Surface, fall: Rainfall = USUAL) -> Tensor:
    """Soaked surfaces, puddles and a gray sky's light; what stands under a roof stays dry."""
    points, known = surface.points, surface.known.float()
    overcast = curve(saturate(image, 0.75), (0.0, 0.0), (0.3, 0.24), (0.7, 0.54), (1.0, 0.78))
    gray = mix(image, overcast * image.new_tensor([0.93, 0.99, 1.05]), fall.gray)
    gray = mix(gray, image.new_tensor(_SKY) * 0.85, 0.6 * fall.gray * (1.0 - known))
    exposed = smoothstep(0.15, 0.5, surface.sky + 0.25 * (noise(surface, 3.0, 22) - 0.5)) * known
    wet = fall.wet * exposed * (0.55 + 0.45 * smoothstep(-0.2, 0.6, surface.normals[..., 2]))
    # Water in the pores lets less light out again, and colors deepen.
    out = mix(gray, saturate(0.88 * gray**1.6, 1.3), wet)
    tilt = torch.stack([noise(surface, 14.0, seed, 2) - 0.5 for seed in (23, 24)] + [torch.zeros_like(wet)], -1)
    sky, share = reflected(surface, torch.nn.functional.normalize(surface.normals + 0.16 * tilt, dim=-1))
    film = wet * (0.65 * share + 0.18 * smoothstep(0.5, 1.0, surface.normals[..., 2]))
    out = mix(out, sky, film.clamp(0.0, 0.8))
    pool = puddles(surface, fall.flooded)
    level = torch.zeros_like(surface.normals)
    level[..., 2] = 1.0
    sky, share = reflected(surface, level)
    clouds = 0.80 + 0.4 * noise(surface, 0.8, 25, 2)
    water = mix(saturate(out, 0.7) * 0.5, sky * clouds.unsqueeze(-1), (0.40 + share).clamp(0.0, 0.9))
    rings = ripples(points, fall.drops) * smoothstep(0.03, 0.015, surface.footprint)
    water = water * (1.0 + 0.2 * rings).unsqueeze(-1)
    shore = 1.0 - 1.2 * pool * (1.0 - pool)
    return mix(out, water, pool) * shore.unsqueeze(-1)
