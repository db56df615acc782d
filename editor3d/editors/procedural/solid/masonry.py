"""Masonry: bricks in courses, and walls of stones that fit together; joints of mortar lie deeper."""

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
class Brick:
    """Colours are sRGB, lengths shares of the object's radius."""

    colors: tuple[Color, Color] = ((0.64, 0.27, 0.19), (0.42, 0.15, 0.11))
    mortar: Color = (0.76, 0.73, 0.68)
    size: tuple[float, float, float] = (0.36, 0.36, 0.13)
    """Of a brick with its joint: to the right, to the front, up."""
    joint: float = 0.020
    """Width of a joint."""
    depth: float = 0.018
    """How much deeper than the bricks it lies."""


@dataclass(frozen=True)
class StoneWall:
    """Stones of random shape."""

    colors: tuple[Color, Color] = ((0.60, 0.57, 0.52), (0.38, 0.37, 0.36))
    mortar: Color = (0.30, 0.28, 0.26)
    scale: float = 3.6
    """Stones in a radius."""
    joint: float = 0.09
    """Width of a joint, as a share of a stone."""
    depth: float = 0.045


def brick(surface: Surface, look: Brick = Brick()) -> Coat:
    """Bricks are boxes in space, each course shifted by half a brick; the surface cuts through them.

    Joints that the surface runs along are left out: a face shows the joints of the other two directions only.
    """
    points, width, normals = surface.points, surface.footprint, surface.normals.abs()
    size = torch.tensor(look.size)
    course = torch.floor(points[..., 2] / size[2])
    shift = 0.5 * torch.remainder(course, 2.0)
    place = torch.stack(
        [points[..., 0] / size[0] + shift, points[..., 1] / size[1] + shift, points[..., 2] / size[2]], -1
    )
    place[..., 0] += 0.5 * torch.remainder(place[..., 1].floor(), 2.0)  # courses of a level face are shifted too
    part = place - place.floor()
    border = torch.minimum(part, 1.0 - part) * size  # distance to the nearest joint's middle, by direction
    along = smoothstep(0.72, 0.88, normals)  # the joint's plane lies in the surface
    half = 0.5 * look.joint
    soft = (0.35 * half + 1.3 * width)[..., None]
    joints = (1.0 - smoothstep(0.0, 1.0, (border - half + soft) / (2.0 * soft))) * (1.0 - along)
    joint = joints.amax(-1)
    number = _number(place.floor())
    grit = fractal(points, width, 16.0, octaves=3, gain=0.7, seed=81)
    albedo = between(0.15 + 0.7 * number + 0.5 * grit, linear(*look.colors[0]), linear(*look.colors[1]))
    albedo = albedo * (1.0 + 0.35 * grit)[..., None]
    albedo = mix(albedo, linear(*look.mortar) * (1.0 + 0.25 * grit)[..., None], joint)
    height = -look.depth * joint + 0.004 * grit
    return Coat(albedo.clamp(0.0, 1.0), height=height, rough=1.0)


def stone_wall(surface: Surface, look: StoneWall = StoneWall()) -> Coat:
    points, width = surface.points, surface.footprint
    shift = torch.stack([fractal(points, width, 4.0, octaves=2, seed=85 + k) for k in range(3)], -1)
    flat = points * torch.tensor([1.0, 1.0, 1.5])  # stones lie: wider than high
    stones = cells(flat + 0.07 * shift, look.scale, seed=88)
    half, soft = look.joint, 0.05 + 1.2 * look.scale * width
    joint = 1.0 - smoothstep(0.0, 1.0, (stones.border - half + soft) / (2.0 * soft))
    grit = fractal(points, width, 12.0, octaves=4, gain=0.6, seed=89)
    albedo = between(stones.number + 0.4 * grit, linear(*look.colors[0]), linear(*look.colors[1]))
    albedo = mix(albedo * (1.0 + 0.5 * grit)[..., None], linear(*look.mortar), joint)
    bulge = smoothstep(0.0, 0.5, stones.border)
    return Coat(albedo.clamp(0.0, 1.0), height=look.depth * bulge + 0.008 * grit, rough=1.0)


def _number(cell: Tensor) -> Tensor:
    """A random number in 0..1 of each brick [..., 3], by a sine that folds its place over many times."""
    folded = torch.sin(cell @ torch.tensor([12.99, 78.23, 37.72])) * 4758.5
    return folded - folded.floor()
