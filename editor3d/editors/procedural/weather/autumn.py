"""Autumn: leaves turn and fall; stones stay as they are."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from editor3d.editors.procedural.basis.surface import Surface
from editor3d.editors.procedural.basis.tone import blur, luma, mix, smoothstep
from editor3d.editors.procedural.weather.noise import chance, noise

_LEAVES = ((0.86, 0.62, 0.10), (0.88, 0.40, 0.06), (0.70, 0.16, 0.07), (0.55, 0.33, 0.12))
"""Gold, orange, red and brown."""
_GOLDEN_LIGHT = (1.06, 1.0, 0.86)
_LEAF, _LAYERS = 0.09, 3
"""Side of the squares that hold a fallen leaf, in units of the scene; and how many lie over each other."""


def vegetation(image: Tensor) -> Tensor:
    """How much of a leaf each pixel shows, by color (green to yellow-green) and texture (foliage is never smooth).

    The texture is that of what is green alone: a green book has borders, but no leaves.

    Returns:
        [H, W] in 0..1.
    """
    red, green, blue = image.unbind(-1)
    y = luma(image)
    color = smoothstep(0.0, 0.07, green - 0.5 * (red + blue) - 0.02) * smoothstep(0.0, 0.06, green - 1.02 * blue)

    def mean(values: Tensor, radius: float) -> Tensor:
        return blur(color * values, radius) / blur(color, radius).clamp(min=1e-3)

    rough = mean((y - mean(y, 3.0)).abs(), 5.0) / (mean(y, 5.0) + 0.05)
    return blur(color, 1.0) * smoothstep(0.05, 0.13, rough)


def palette(choice: Tensor) -> Tensor:
    """The colors of leaves, by a number 0..1: [H, W] -> [H, W, 3]."""
    colors = torch.tensor(_LEAVES)
    at = choice.clamp(0.0, 0.999) * (len(colors) - 1)
    first = at.floor().long()
    return mix(colors[first], colors[first + 1], at - first)


def fallen(surface: Surface) -> tuple[Tensor, Tensor]:
    """Leaves on the ground: how much of one each pixel shows, and a number 0..1 for each leaf, both [H, W].

    Each square of the plan may hold one, an ellipse with a place, a turn and a size of its own; they gather in drifts.
    """
    ground = smoothstep(0.55, 0.85, surface.normals[..., 2]) * smoothstep(0.25, 0.5, surface.sky) * surface.known
    drift = smoothstep(0.25, 0.85, noise(surface, 1.3, 41))
    shown, kind = torch.zeros_like(ground), torch.zeros_like(ground)
    for layer in range(_LAYERS):
        plan = surface.points[..., :2] @ _turned(0.4 + 1.1 * layer) / _LEAF
        cell = plan.floor()
        there, turn, size, *middle = (chance(cell, 50 + 7 * layer + k) for k in range(5))
        x, y = (inside - 0.5 - 0.5 * (c - 0.5) for inside, c in zip((plan - cell).unbind(-1), middle, strict=True))
        angle = 2.0 * torch.pi * turn
        along, across = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
        half = 0.22 + 0.10 * size
        width = 0.55 * half * (1.0 - along.abs() / half).clamp(0.0, 1.0) ** 0.7  # pointed at both ends
        leaf = smoothstep(-0.04, 0.08, width - across.abs()) * (along.abs() < half) * (there < 0.75 * drift)
        over = leaf > shown
        shown, kind = torch.where(over, leaf, shown), torch.where(over, chance(cell, 90 + layer), kind)
    return shown * ground * smoothstep(0.6 * _LEAF, 0.2 * _LEAF, surface.footprint), kind


def autumn(image: Tensor, surface: Surface) -> Tensor:
    """Green turns gold, orange and red, tree by tree; leaves lie where the sky is open; the light is golden."""
    y = luma(image)
    tree = 0.65 * noise(surface, 1.1, 43, 2) + 0.35 * noise(surface, 9.0, 44, 2)
    shading = (1.9 * y / (y + 0.32)).clamp(0.12, 1.35).unsqueeze(-1)
    turned = palette(0.42 + 1.3 * (tree - 0.5)) * shading
    out = mix(image * image.new_tensor(_GOLDEN_LIGHT), turned, 0.92 * vegetation(image))
    leaf, kind = fallen(surface)
    return mix(out, palette(kind) * (0.45 + 0.85 * blur(y, 4.0)).unsqueeze(-1), leaf)


def _turned(angle: float) -> Tensor:
    """A rotation of the plan [2, 2], radians."""
    return torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
