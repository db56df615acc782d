"""A perceptual distance by the small encoder that comes with the package, for machines without AlexNet's weights.

As LPIPS (Zhang et al. 2018) before its weights are learnt: with y_l the features of layer l at each place, scaled to
length 1, of two pictures a and b,

    d(a, b) = sum_l mean_places |y_l(a) - y_l(b)|^2.

The features are those of `tiny-clip`'s layers, so values compare with no LPIPS; they carry their own name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from editor3d.host.silence import no_loading_bars
from editor3d.metrics.clip_weights import LOCAL, TINY_CLIP, packaged_clip
from editor3d.metrics.unavailable import Unavailable
from editor3d.metrics.views import HeldOutView

NAME = f"LPIPS on {TINY_CLIP}, uncalibrated"


@dataclass(frozen=True)
class Perceptual:
    """Means over views; 0 is identical."""

    name: str
    """Which distance it is: values of different ones are not comparable."""
    to_base: float
    """Between the renders before and after the edit."""
    to_photo: float
    """Between the renders before the edit and the photographs."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def measure_perceptual(views: Sequence[HeldOutView]) -> Perceptual | Unavailable:
    """The distance of renders after the edit, and of photographs, to the renders before it; at least one view."""
    folder = packaged_clip()
    if folder is None:
        return Unavailable(reason=f"the package's {TINY_CLIP} is missing", remedy="install editor3d again")
    edited = [perceptual_distance(view.base_render, view.edited_render) for view in views]
    photos = [perceptual_distance(view.base_render, view.photo) for view in views]
    return Perceptual(NAME, sum(edited) / len(edited), sum(photos) / len(photos))


def perceptual_distance(a: Float[Tensor, "h w 3"], b: Float[Tensor, "h w 3"]) -> float:
    """d(a, b) of this module's page, of two pictures [H, W, 3] in 0..1; at least 0, at most 4 a layer.

    Raises:
        ValueError: the package's encoder is missing.
    """
    folder = packaged_clip()
    if folder is None:
        raise ValueError(f"the package's {TINY_CLIP} is missing")
    return sum(
        (normalize(x, dim=-1) - normalize(y, dim=-1)).square().sum(-1).mean().item()
        for x, y in zip(features(folder, a), features(folder, b), strict=True)
    )


@torch.inference_mode()
def features(folder: Path, picture: Tensor) -> list[Tensor]:
    """The encoder's layers of a picture [H, W, 3] in 0..1, each [places, channels] float64, without its class token."""
    model, processor = _encoder(folder)
    pixels = (picture.detach().cpu().clamp(0, 1) * 255).round().byte().numpy()
    values = processor(images=[pixels], return_tensors="pt")["pixel_values"]
    layers = model.vision_model(pixel_values=values, output_hidden_states=True).hidden_states
    return [layer[0, 1:].double() for layer in layers]


@lru_cache(maxsize=1)
def _encoder(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModel, AutoProcessor

    with no_loading_bars():
        model = AutoModel.from_pretrained(folder, use_safetensors=True, dtype=torch.float32, **LOCAL)
    return model.eval(), AutoProcessor.from_pretrained(folder, **LOCAL)
