"""The light on a surface: taken from the photograph, and laid on a new material.

With Y the luma that all views together show, or the photograph's alone, smoothed (old texture goes), and Y_0 that of
medium light on the object, the shading is S = exp(a tanh(2.2 log(Y / Y_0) / a)), in linear light, which lies between
e^-a and e^a. The picture is

    C = (1 - m) (w S' A + g E(r) sqrt(S')) + 1.15 m A E(r) S'^0.6 + glow
    S' = S^p (0.8 + 0.3 n_up) (1 + b (n' - n) . l) (1 - 0.9 c)

with A the albedo, m its share of metal, g the gloss, p how much of the photograph's shading it takes on (`Coat`), w the
brightness of white in medium light, n' the normal tilted by the material's relief, l where light comes from, c the
concavity, and E a fixed environment, brighter from above, seen along r, which is the view mirrored at n'.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from editor3d.editors.procedural.basis.surface import Surface
from editor3d.editors.procedural.basis.tone import flatten, luma, mix, smoothstep
from editor3d.srgb import to_linear, to_srgb

_BOUND = 0.9
"""a: the darkest and the brightest shading are a factor of 2.5 below and above medium light."""
_TEXTURE, _RADIUS = 0.32, 20.0
"""Contrast (luma) of old texture that is smoothed away, and over how many reference pixels."""
_LIGHT = (0.45, 0.45, 0.77)
"""Where the light comes from that shows a relief: from the right, the front and above."""
_TILT = 1.4
_MEDIUM = 0.78
"""How bright a white matte surface is in medium light."""


@dataclass(frozen=True, eq=False)
class Coat:
    """What a surface is made of, by pixel; colours are linear light."""

    albedo: Tensor
    """[H, W, 3] in 0..1."""
    height: Tensor | None = None
    """[H, W], the relief: how far the surface is raised, as a share of the object's radius."""
    metal: Tensor | float = 0.0
    """0 is a dielectric, 1 a metal: it has no colour of its own but that of what it mirrors."""
    rough: Tensor | float = 0.6
    """0 mirrors sharply, 1 not at all."""
    gloss: float = 0.0
    """Share of white that a dielectric mirrors."""
    mirror: float = 0.5
    """How far what is mirrored follows the eye (1), rather than staying on the surface (0)."""
    glow: Tensor | None = None
    """[H, W, 3], light of its own."""
    photo: float = 0.8
    """How much of the photograph's shading it takes on: less for what light shines through."""


def linear(*rgb: float) -> Tensor:
    """An sRGB colour as linear light [3]."""
    return torch.from_numpy(to_linear(torch.tensor(rgb, dtype=torch.float32).numpy()))


def between(share: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Colours from `first` (0) to `second` (1): shares [H, W] -> [H, W, 3]."""
    return mix(first.expand(*share.shape, 3), second, share.clamp(0.0, 1.0))


def shading(image: Tensor, surface: Surface) -> Tensor:
    """The light on the surface, 1 being medium: [H, W].

    As all views together show it, where that is known, so that it is alike in each; else as the photograph [H, W, 3].
    """
    smooth = surface.brightness(lambda: flatten(luma(image), _RADIUS, _TEXTURE)).clamp(0.02, 1.0)
    return torch.exp(_BOUND * torch.tanh(2.2 * torch.log(smooth / surface.light) / _BOUND))


def tilted(surface: Surface, height: Tensor) -> Tensor:
    """Normals [H, W, 3] of the surface with a relief [H, W], by Mikkelsen's surface gradient of neighbouring pixels."""
    down, right = _steps(surface.points), _steps(surface.points.transpose(0, 1)).transpose(0, 1)
    rise_down = _steps(height[..., None])[..., 0]
    rise_right = _steps(height[..., None].transpose(0, 1)).transpose(0, 1)[..., 0]
    normals = surface.normals
    first, second = torch.linalg.cross(normals, down), torch.linalg.cross(right, normals)
    area = (right * torch.linalg.cross(down, normals)).sum(-1)
    flat = area.abs() < 0.02 * surface.footprint.clamp(min=1e-6) ** 2
    slope = (rise_right[..., None] * -first + rise_down[..., None] * -second) / torch.where(
        flat, torch.ones_like(area), area
    )[..., None]
    slope = torch.where(flat[..., None], torch.zeros(()), slope)
    steep = slope.norm(dim=-1, keepdim=True)
    return F.normalize(normals - slope * (steep.clamp(max=_TILT) / steep.clamp(min=1e-6)), dim=-1)


def environment(direction: Tensor, rough: Tensor | float) -> Tensor:
    """The light that comes from directions [H, W, 3] of the object's frame: [H, W, 3] linear, softer where rough.

    A bright sky over a dark horizon and a lit floor, with a large lamp on the side where light comes from.
    """
    up = direction[..., 2]
    soft = 0.10 + 0.8 * (rough if isinstance(rough, Tensor) else torch.tensor(rough))
    sky = smoothstep_between(-soft, soft, up - 0.10)
    floor = smoothstep_between(-soft, soft, -up - 0.25)
    lamp = (direction @ torch.tensor(_LIGHT)).clamp(-1.0, 1.0)
    sharp = 1.0 / (0.04 + 0.5 * soft**2)
    spot = torch.exp(sharp * (lamp - 1.0)) * (0.25 + 0.55 / (1.0 + 2.0 * soft))
    high = (0.5 + 0.5 * up).clamp(0.0, 1.0)
    value = 0.10 + sky * (0.34 + 0.36 * high) + 0.26 * floor + 1.3 * spot
    cool = torch.tensor([0.97, 1.0, 1.04]) * sky[..., None] + torch.tensor([1.04, 1.0, 0.94]) * (1 - sky[..., None])
    return value[..., None] * cool


def smoothstep_between(low: Tensor | float, high: Tensor | float, values: Tensor) -> Tensor:
    """`tone.smoothstep` with bounds that may differ from pixel to pixel."""
    return smoothstep(0.0, 1.0, (values - low) / (high - low))


def lit(image: Tensor, surface: Surface, coat: Coat) -> Tensor:
    """The material under the photograph's light: [H, W, 3] sRGB in 0..1.

    Args:
        image: the photograph [H, W, 3] sRGB.
    """
    light = torch.tensor(_LIGHT)
    normals = surface.normals if coat.height is None else tilted(surface, coat.height)
    shade = shading(image, surface) ** coat.photo * (0.80 + 0.30 * surface.normals[..., 2])
    relief = 1.0 + _TILT * ((normals - surface.normals) @ light)
    crease = 1.0 - 0.9 * surface.concavity.clamp(0.0, 0.5)
    shade = (shade * relief.clamp(0.25, 1.9) * crease)[..., None]
    eye = F.normalize(normals + coat.mirror * (surface.toward - normals), dim=-1)
    bounced = F.normalize(2.0 * (normals * eye).sum(-1, keepdim=True) * normals - eye, dim=-1)
    mirrored = environment(bounced, coat.rough)
    metal = coat.metal if isinstance(coat.metal, Tensor) else torch.full_like(surface.footprint, coat.metal)
    metal = metal[..., None]
    edge = (1.0 - (normals * surface.toward).sum(-1, keepdim=True).clamp(0.0, 1.0)) ** 5
    gloss = coat.gloss * (0.6 + 0.8 * coat.mirror * edge)
    picture = (1.0 - metal) * (_MEDIUM * shade * coat.albedo + gloss * mirrored * shade.sqrt())
    picture = picture + metal * coat.albedo * mirrored * shade**0.6 * 1.15
    if coat.glow is not None:
        picture = picture + coat.glow
    return torch.from_numpy(to_srgb(_shoulder(picture).numpy()))


def _shoulder(values: Tensor) -> Tensor:
    """Linear light with what lies above 0.7 bent below 1, so that lights keep their colour."""
    over = (values - 0.7).clamp(min=0.0)
    return torch.minimum(values, 0.7 + 0.3 * (1.0 - torch.exp(-over / 0.3)))


def _steps(values: Tensor) -> Tensor:
    """Half the difference of the rows below and above [H, W, C], one-sided at the border."""
    padded = torch.cat([values[:1], values, values[-1:]])
    step = 0.5 * (padded[2:] - padded[:-2])
    step[0], step[-1] = 2.0 * step[0], 2.0 * step[-1]
    return step
