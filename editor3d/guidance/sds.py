"""Score distillation (Poole et al. 2022, equation 3) with w(t) = 1 - abar_t, as Vox-E uses it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from editor3d.diffusion.cfg import two_way
from editor3d.diffusion.latent import LatentPrior
from editor3d.diffusion.loading import PipelineSource, PipelineSpec
from editor3d.diffusion.timesteps import Fixed, TimestepSchedule, draw_timesteps
from editor3d.guidance import GUIDANCES, SD_HUB_ID
from editor3d.types import GuidanceInfo, GuidanceRequest

D = TypeVar("D")

SPEC = PipelineSpec(
    name="sds",
    title="Stable Diffusion",
    hub_id=SD_HUB_ID,
    pipeline="StableDiffusionPipeline",
    options={"safety_checker": None, "requires_safety_checker": False},
    # The gradient goes through the encoder, where half precision loses it.
    in_full=("vae",),
)


def noised(latents: Tensor, noise: Tensor, abar: Tensor) -> Tensor:
    """z_t = sqrt(abar_t) z + sqrt(1 - abar_t) eps.

    Args:
        latents: z, [B, C, h, w].
        noise: eps, [B, C, h, w].
        abar: abar_t, [B].
    """
    abar = abar.to(latents).view(-1, 1, 1, 1)
    return abar.sqrt() * latents + (1.0 - abar).sqrt() * noise


def score_gradient(predict: Callable[[Tensor], Tensor], latents: Tensor, noise: Tensor, abar: Tensor) -> Tensor:
    """grad = w(t) (eps_hat(z_t) - eps), w(t) = 1 - abar_t: the direction away from what the model expects.

    Args:
        predict: eps_hat of z_t [B, C, h, w].
        latents: z, [B, C, h, w]; no gradient is taken through the model.
        noise: eps, [B, C, h, w].
        abar: abar_t, [B].

    Returns:
        [B, C, h, w].
    """
    with torch.no_grad():
        predicted = predict(noised(latents, noise, abar))
        return (1.0 - abar.to(latents).view(-1, 1, 1, 1)) * (predicted - noise)


class _WithGradient(torch.autograd.Function):
    """A number whose gradient is given, times whatever gradient comes from above."""

    @staticmethod
    def forward(ctx: Any, latents: Tensor, gradient: Tensor) -> Tensor:
        ctx.save_for_backward(gradient)
        return 0.5 * gradient.square().sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return upstream * gradient, None


def with_gradient(latents: Tensor, gradient: Tensor) -> Tensor:
    """A number, half the squared norm of `gradient`, whose derivative with respect to `latents` is `gradient`."""
    return _WithGradient.apply(latents, gradient.detach())


class Prior(Protocol):
    """What score distillation asks of a diffusion model; see `LatentPrior`."""

    @property
    def alphas_cumprod(self) -> Tensor: ...

    def locate(self) -> None: ...

    def encode(self, images: Tensor, generator: torch.Generator) -> Tensor: ...

    def encode_condition(self, images: Tensor) -> Tensor: ...

    def embed(self, prompts: list[str]) -> Tensor: ...

    def predict(self, noisy: Tensor, timesteps: Tensor, text: Tensor, condition: Tensor | None = None) -> Tensor: ...


def distill(
    prior: Prior,
    request: GuidanceRequest,
    schedule: TimestepSchedule,
    predictor: Callable[[Tensor], Callable[[Tensor], Tensor]],
) -> Tensor:
    """The loss of one step: encode, draw timesteps and noise in this order, and pass the gradient on.

    Args:
        prior: the model.
        request: renders, generator and step.
        schedule: of the timesteps.
        predictor: from the timesteps [B] to eps_hat of z_t.

    Returns:
        [], whose gradient with respect to the latents is w(t) (eps_hat - eps) / B.
    """
    latents = prior.encode(request.images, request.generator)
    count, total = len(latents), len(prior.alphas_cumprod)
    timesteps = draw_timesteps(schedule, request.step, request.total_steps, count, total, request.generator)
    noise = torch.randn(latents.shape, generator=request.generator, dtype=latents.dtype).to(latents.device)
    abar = prior.alphas_cumprod[timesteps]
    gradient = score_gradient(predictor(timesteps), latents.detach(), noise, abar)
    return with_gradient(latents, gradient) / count


class DistilledPrior(ABC):
    """A guidance whose gradient is that of score distillation from a diffusion model."""

    def __init__(self, prior: Prior, schedule: TimestepSchedule | None, name: str) -> None:
        """Remember the settings.

        Args:
            prior: the model.
            schedule: of the timesteps; 0.02 to 0.98 at every step by default.
            name: in the registry.
        """
        self._prior, self._schedule, self._name = prior, schedule or Fixed(), name

    @property
    def prior(self) -> Prior:
        """The model, for what else it can tell of a picture."""
        return self._prior

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
        """See `editor3d.types.Guidance.loss`.

        Raises:
            EditorUnavailableError: the weights cannot be loaded.
        """
        return distill(self._prior, request, self._schedule, self.predictor(request))

    @abstractmethod
    def predictor(self, request: GuidanceRequest) -> Callable[[Tensor], Callable[[Tensor], Tensor]]:
        """From the timesteps [B] to eps_hat of z_t [B, C, h, w], guided as the request says."""


class ScoreDistillation(DistilledPrior):
    """Pulls renders towards a description, by a text-to-image model: `request.prompts` describe the wanted result."""

    def __init__(
        self,
        prior: Prior,
        *,
        guidance_scale: float = 100.0,
        schedule: TimestepSchedule | None = None,
        name: str = "sds",
    ) -> None:
        """Remember the settings.

        Args:
            prior: the model.
            guidance_scale: of `two_way`; DreamFusion's and Vox-E's is 100.
            schedule: as `DistilledPrior` takes it.
            name: in the registry.
        """
        super().__init__(prior, schedule, name)
        self._scale = guidance_scale

    def predictor(self, request: GuidanceRequest) -> Callable[[Tensor], Callable[[Tensor], Tensor]]:
        text = self._prior.embed([*request.prompts, *[""] * len(request.prompts)])
        return lambda timesteps: (
            lambda noisy: two_way(
                self._prior.predict(torch.cat([noisy] * 2), torch.cat([timesteps] * 2), text), self._scale
            )
        )


class FromWeights(Generic[D]):
    """Makes a guidance from a diffusers folder or a hub id."""

    def __init__(self, spec: PipelineSpec, guidance: Callable[..., D], *, condition: bool) -> None:
        """
        Args:
            spec: the model, and what is loaded where no source is given.
            guidance: made of the model and its settings.
            condition: whether the model takes an image condition.
        """
        self._spec, self._guidance, self._condition = spec, guidance, condition

    def __call__(
        self,
        source: str = "",
        *,
        device: str = "cpu",
        half_precision: bool = False,
        longest_side: int | None = 512,
        **settings: Any,
    ) -> D:
        """
        Args:
            source: where the model is; empty is the original.
            device: as torch names it.
            half_precision: the UNet and the text encoder in 16 bits.
            longest_side: pixels that renders are scaled to.
            settings: of the guidance.

        Raises:
            ConfigError: the device is unknown or not there.
        """
        model = PipelineSource(self._spec, source, device=device, half_precision=half_precision)
        return self._guidance(LatentPrior(model, condition=self._condition, longest_side=longest_side), **settings)


create = FromWeights(SPEC, ScoreDistillation, condition=False)
