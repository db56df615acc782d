"""The scene in another light: the moon's, and that of a low sun."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from editor3d.editors.procedural.basis.surface import Surface
from editor3d.editors.procedural.basis.tone import blur, luma, mix, saturate, smoothstep

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class LowSun:
    """A sun near the horizon; colors are linear factors of the photograph's light, but for the sky's."""

    toward: Vector
    """Where it stands: to the right, towards the first view, up."""
    color: Vector
    """Of its light."""
    shade: Vector
    """Of the light in its shadow."""
    glow: Vector
    """The sky round the sun."""
    zenith: Vector
    """The sky over it."""


SUNSET = LowSun(
    toward=(0.84, 0.40, 0.40),
    color=(1.60, 0.84, 0.36),
    shade=(0.36, 0.30, 0.46),
    glow=(1.0, 0.56, 0.22),
    zenith=(0.36, 0.30, 0.50),
)
DAWN = LowSun(
    toward=(-0.84, 0.40, 0.40),
    color=(1.30, 0.92, 0.78),
    shade=(0.48, 0.46, 0.62),
    glow=(1.0, 0.76, 0.66),
    zenith=(0.55, 0.56, 0.72),
)
_MOON = (-0.45, -0.30, 0.84)
_DARK, _MOONLIGHT = (0.060, 0.087, 0.170), (0.26, 0.36, 0.59)
_NIGHT_SKY = (0.015, 0.025, 0.075)
_LAMP = (1.0, 0.74, 0.36)
_UMBRA = 0.3
"""The share of a light that is left in a cast shadow: the air scatters it, and no reconstruction's shadows are sure."""


def lit(surface: Surface, toward: Vector, soft: float) -> Tensor:
    """How much of a far light falls on the surface, by Lambert's law with a soft end and with cast shadows: [H, W] in
    0..1."""
    light = torch.nn.functional.normalize(torch.tensor(toward), dim=0)
    facing = ((surface.normals @ light + soft) / (1.0 + soft)).clamp(0.0, 1.0)
    return facing * (_UMBRA + (1.0 - _UMBRA) * surface.reached(light))


def low_sun(image: Tensor, surface: Surface, sun: LowSun = SUNSET) -> Tensor:
    """Warm on the sun's side, cool on the other; shadows are long, and the sky glows where the sun stands."""
    shade = image.new_tensor(sun.shade) * (0.7 + 0.5 * surface.sky).unsqueeze(-1)
    light = shade + lit(surface, sun.toward, 0.1).unsqueeze(-1) * image.new_tensor(sun.color)
    ground = 1.0 - torch.exp(-1.4 * saturate(image, 1.05) * light)  # no light is clipped
    toward = torch.nn.functional.normalize(torch.tensor(sun.toward), dim=0)
    near = smoothstep(-0.2, 1.0, -(surface.toward @ toward)) * smoothstep(0.9, 0.0, surface.toward[..., 2].abs())
    sky = mix(image.new_tensor(sun.zenith).expand_as(image), image.new_tensor(sun.glow), near)
    return mix(mix(image * image.new_tensor(sun.shade), sky, 0.85), ground, surface.known.float())


def lamps(image: Tensor) -> Tensor:
    """Small, bright and warm sources of the picture: [H, W] in 0..1."""
    y = luma(image)
    peak = smoothstep(0.18, 0.40, y - blur(y, 14.0))
    warm = smoothstep(0.02, 0.15, image[..., 0] - image[..., 2])
    return smoothstep(0.90, 0.98, image.amax(-1)) * peak * warm


def night(image: Tensor, surface: Surface) -> Tensor:
    """Moonlight from one side over the blue dark of the sky; lamps still shine, and light what is round them."""
    light = image.new_tensor(_DARK) * (0.45 + 0.9 * surface.sky).unsqueeze(-1)
    light = light + lit(surface, _MOON, 0.05).unsqueeze(-1) * image.new_tensor(_MOONLIGHT)
    y = luma(image).unsqueeze(-1)
    ground = (y + 0.35 * (image - y)) * light
    dark = mix(image.new_tensor(_NIGHT_SKY) + 0.06 * image, ground, surface.known.float())
    shining = lamps(image)
    dark = dark + 2.0 * blur(shining, 18.0).unsqueeze(-1) * image * image.new_tensor(_LAMP)
    return mix(dark, image * image.new_tensor(_LAMP) + 0.1, shining)
