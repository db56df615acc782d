"""Score distillation from InstructPix2Pix, conditioned on the source scene's render (Instruct 3D-to-3D)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from editor3d.diffusion.cfg import three_way
from editor3d.diffusion.timesteps import TimestepSchedule
from editor3d.editors.pipelines.ip2p import SPEC
from editor3d.guidance.sds import DistilledPrior, FromWeights, Prior
from editor3d.types import GuidanceRequest


class InstructScoreDistillation(DistilledPrior):
    """Pulls renders towards what an instruction makes of the source's renders; `request.prompts` are instructions.

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
            schedule: as `DistilledPrior` takes it.
            name: in the registry.
        """
        super().__init__(prior, schedule, name)
        self._scales = guidance_scale, image_guidance_scale

    def predictor(self, request: GuidanceRequest) -> Callable[[Tensor], Callable[[Tensor], Tensor]]:
        if request.sources is None:
            raise ValueError("the guidance ip2p-sds needs GuidanceRequest.sources")
        empty = [""] * len(request.prompts)
        text = self._prior.embed([*request.prompts, *empty, *empty])
        source = self._prior.encode_condition(request.sources)
        condition = torch.cat([source, source, torch.zeros_like(source)])
        return lambda timesteps: (
            lambda noisy: three_way(
                self._prior.predict(torch.cat([noisy] * 3), torch.cat([timesteps] * 3), text, condition), *self._scales
            )
        )


create = FromWeights(replace(SPEC, name="ip2p-sds", in_full=("vae",)), InstructScoreDistillation, condition=True)
