"""Score distillation from InstructPix2Pix, conditioned on the source scene's render (Instruct 3D-to-3D)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from editor3d.diffusion.cfg import three_way
from editor3d.diffusion.latent import LatentPrior
from editor3d.diffusion.loading import PipelineSource
from editor3d.diffusion.timesteps import Fixed, TimestepSchedule
from editor3d.editors.pipelines.ip2p import SPEC
from editor3d.guidance import GUIDANCES
from editor3d.guidance.sds import Prior, distill
from editor3d.types import GuidanceInfo, GuidanceRequest


class InstructScoreDistillation:
    """Pulls renders towards what an instruction makes of the source's renders.

    eps_hat is the three-way guidance of InstructPix2Pix with c = mode(E(source)) as the image condition; the gradient
    is w(t) (eps_hat - eps) with w(t) = 1 - abar_t.
    """

    def __init__(
        self,
        prior: Prior,
        *,
        guidance_scale: float = 7.5,
        image_guidance_scale: float = 1.5,
        schedule: TimestepSchedule | None = None,
        name: str = "ip2p-sds",
    ) -> None:
        """Remember the settings.

        Args:
            prior: the model, which takes an image condition.
            guidance_scale: s_T of `three_way`.
            image_guidance_scale: s_I.
            schedule: of the timesteps; 0.02 to 0.98 at every step by default.
            name: in the registry.
        """
        self._prior, self._scales = prior, (guidance_scale, image_guidance_scale)
        self._schedule, self._name = schedule or Fixed(), name

    @property
    def info(self) -> GuidanceInfo:
        return GUIDANCES[self._name].info

    def validate(self) -> None:
        """Look for the weights; loads and downloads nothing.

        Raises:
            EditorUnavailableError: they are missing; the text says how to get them.
        """
        self._prior.locate()

    def loss(self, request: GuidanceRequest) -> Tensor:
        """See `editor3d.types.Guidance.loss`; `request.prompts` are instructions.

        Raises:
            EditorUnavailableError: the weights cannot be loaded.
        """
        if request.sources is None:
            raise ValueError("the guidance ip2p-sds needs GuidanceRequest.sources")
        empty = [""] * len(request.prompts)
        text = self._prior.embed([*request.prompts, *empty, *empty])
        source = self._prior.encode_condition(request.sources)
        condition = torch.cat([source, source, torch.zeros_like(source)])

        def predictor(timesteps: Tensor) -> Callable[[Tensor], Tensor]:
            return lambda noisy: three_way(
                self._prior.predict(torch.cat([noisy] * 3), torch.cat([timesteps] * 3), text, condition), *self._scales
            )

        return distill(self._prior, request, self._schedule, predictor)


def create(
    source: str = "",
    *,
    device: str = "cpu",
    half_precision: bool = False,
    longest_side: int | None = 512,
    **settings: Any,
) -> InstructScoreDistillation:
    """Score distillation from a diffusers folder or a hub id of InstructPix2Pix; empty is the original.

    Args:
        source: where the model is.
        device: as torch names it.
        half_precision: the UNet and the text encoder in 16 bits.
        longest_side: pixels that renders are scaled to.
        settings: of `InstructScoreDistillation`.

    Raises:
        ConfigError: the device is unknown or not there.
    """
    spec = replace(SPEC, name="ip2p-sds", in_full=("vae",))
    model = PipelineSource(spec, source, device=device, half_precision=half_precision)
    prior = LatentPrior(model, condition=True, longest_side=longest_side)
    return InstructScoreDistillation(prior, **settings)
