"""Score distillation from the small models that this project trains, by the classes that run the real ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from editor3d.diffusion.latent import LatentPrior
from editor3d.diffusion.loading import PipelineSource
from editor3d.editors.pipelines.ip2p import SPEC as IP2P_SPEC
from editor3d.guidance import GUIDANCES
from editor3d.guidance.ip2p_sds import InstructScoreDistillation
from editor3d.guidance.sds import SPEC as SDS_SPEC
from editor3d.guidance.sds import ScoreDistillation


def create_editor(
    source: str = "",
    *,
    device: str = "cpu",
    half_precision: bool = False,
    longest_side: int | None = None,
    **settings: Any,
) -> InstructScoreDistillation:
    """Score distillation from `tiny-ip2p`; scales are the model's own.

    Args:
        source: a folder that `python -m lab.train_editor` wrote; empty is the shipped one.
        device: as torch names it.
        half_precision: the UNet and the text encoder in 16 bits.
        longest_side: pixels that renders are scaled to; None takes them as they are.
        settings: of `InstructScoreDistillation`.

    Raises:
        ConfigError: the device is unknown or not there.
    """
    spec = _own(IP2P_SPEC, "tiny-ip2p", "the small InstructPix2Pix")
    model = PipelineSource(spec, source, device=device, half_precision=half_precision)
    prior = LatentPrior(model, condition=True, longest_side=longest_side)
    return InstructScoreDistillation(prior, name=spec.name, **settings)


def create_generator(
    source: str = "",
    *,
    device: str = "cpu",
    half_precision: bool = False,
    longest_side: int | None = None,
    **settings: Any,
) -> ScoreDistillation:
    """Score distillation from `tiny-t2i`; the arguments are those of `create_editor`."""
    spec = _own(SDS_SPEC, "tiny-t2i", "the small text-to-image model")
    model = PipelineSource(spec, source, device=device, half_precision=half_precision)
    prior = LatentPrior(model, condition=False, longest_side=longest_side)
    return ScoreDistillation(prior, name=spec.name, **settings)


def _own(spec: Any, name: str, title: str) -> Any:
    # the gradient goes through the encoder, where half precision loses it
    return replace(spec, name=name, title=title, hub_id=GUIDANCES[name].hub_id, in_full=("vae",))
