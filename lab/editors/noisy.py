"""The procedural editor with the inconsistency of a diffusion model, for measuring how an engine reconciles views."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import cv2
import torch
import torch.nn.functional as F
from torch import Tensor

from editor3d.editors import find_entry
from editor3d.editors.procedural.editor import ProceduralEditor, blend_inside, edited_region
from editor3d.editors.procedural.parse import parse
from editor3d.types import EditorInfo, EditRequest

UNCHANGED_SHARE = 0.10
GAIN = (0.8, 1.25)
OFFSET = 0.05
HUE_DEGREES = 15.0
WARP_PIXELS = 4.0
_WARP_NODES = 5

# Y'IQ (NTSC): a hue shift is a rotation of the chroma plane (I, Q).
_TO_YIQ = ((0.299, 0.587, 0.114), (0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135))


class NoisyProceduralEditor:
    """Perturbs the procedural editor's result by the request's seed.

    Per call: gain U[0.8, 1.25], offset U[-0.05, 0.05], hue rotation U[-15, 15] degrees, a smooth random warp of up to
    4 pixels; in 10 % of the calls the condition comes back unchanged. For an instruction about objects the perturbation
    stays inside their masks.
    """

    def __init__(self) -> None:
        self._clean = ProceduralEditor()

    @property
    def info(self) -> EditorInfo:
        return find_entry("procedural-noisy").info

    def validate(self, instruction: str, objects: Collection[str], views: Collection[str]) -> None:
        """As `ProceduralEditor.validate`."""
        self._clean.validate(instruction, objects, views)

    def edited_objects(self, instruction: str, objects: Collection[str]) -> tuple[str, ...]:
        """As `ProceduralEditor.edited_objects`."""
        return self._clean.edited_objects(instruction, objects)

    def edit(self, request: EditRequest) -> Tensor:
        """As `ProceduralEditor.edit`, then perturbed by `request.seed`."""
        edited = self._clean.edit(request).cpu()
        original = request.condition.detach().to("cpu", torch.float32)
        generator = torch.Generator().manual_seed(request.seed)
        if _draws_nothing(generator):
            return original.to(request.condition.device)
        perturbed = perturb(edited, generator)
        region = edited_region(parse(request.instruction, request.objects), request.objects)
        if region is not None:
            perturbed = blend_inside(original, perturbed, region)
        return perturbed.to(request.condition.device)


def perturb(image: Tensor, generator: torch.Generator) -> Tensor:
    """One draw of the perturbation: out = clamp(gain * hue(warp(image)) + offset).

    Args:
        image: [H, W, 3] float32 in 0..1 on the CPU.
        generator: on the CPU; all draws come from it, in a fixed order.
    """
    colors = _draw_colors(generator)
    return colors(_warp(image, displacement(image.shape[0], image.shape[1], generator)))


@dataclass(frozen=True)
class DrawnColors:
    """What a draw does to colours, without its warp: c' = clamp(gain * hue(c) + offset)."""

    gain: float
    offset: float
    hue: float
    """Radians."""

    def __call__(self, image: Tensor) -> Tensor:
        """A picture [H, W, 3] in 0..1, in the draw's colours."""
        return (self.gain * (image @ hue_rotation(self.hue).T) + self.offset).clamp(0.0, 1.0)


def drawn_colors(seed: int) -> DrawnColors | None:
    """What the draw of a request's seed does to colours; None where it gives the condition back unchanged."""
    generator = torch.Generator().manual_seed(seed)
    return None if _draws_nothing(generator) else _draw_colors(generator)


def _draws_nothing(generator: torch.Generator) -> bool:
    return float(torch.rand((), generator=generator)) < UNCHANGED_SHARE


def _draw_colors(generator: torch.Generator) -> DrawnColors:
    gain, offset, hue = (float(value) for value in torch.rand(3, generator=generator))
    return DrawnColors(
        GAIN[0] + gain * (GAIN[1] - GAIN[0]),
        OFFSET * (2.0 * offset - 1.0),
        math.radians(HUE_DEGREES * (2.0 * hue - 1.0)),
    )


def hue_rotation(angle: float) -> Tensor:
    """The 3x3 matrix that turns the hue of an RGB column by an angle in radians; grays stay as they are."""
    to_yiq = torch.tensor(_TO_YIQ, dtype=torch.float64)
    turn = torch.eye(3, dtype=torch.float64)
    turn[1, 1] = turn[2, 2] = math.cos(angle)
    turn[1, 2], turn[2, 1] = -math.sin(angle), math.sin(angle)
    return (torch.linalg.inv(to_yiq) @ turn @ to_yiq).float()


def displacement(height: int, width: int, generator: torch.Generator) -> Tensor:
    """A smooth random displacement field [H, W, 2] (x, y) in pixels, nowhere longer than `WARP_PIXELS`.

    Random vectors uniform in a disc of that radius stand on a coarse grid of nodes and are interpolated linearly
    after smoothing, which keeps them in the disc.
    """
    draws = torch.rand(2, _WARP_NODES, _WARP_NODES, generator=generator)
    radius = WARP_PIXELS * draws[0].sqrt()
    angle = 2.0 * torch.pi * draws[1]
    nodes = torch.stack([radius * angle.cos(), radius * angle.sin()])
    field = F.interpolate(nodes[None], size=(height, width), mode="bilinear", align_corners=True)[0].permute(1, 2, 0)
    sigma = 0.25 * max(height, width) / (_WARP_NODES - 1)
    return torch.from_numpy(cv2.GaussianBlur(field.contiguous().numpy(), (0, 0), sigma))


def _warp(image: Tensor, shift: Tensor) -> Tensor:
    height, width = image.shape[:2]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    source = torch.stack([x, y], dim=-1) + shift
    out = cv2.remap(
        image.contiguous().numpy(),
        source[..., 0].contiguous().numpy(),
        source[..., 1].contiguous().numpy(),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return torch.from_numpy(out)
