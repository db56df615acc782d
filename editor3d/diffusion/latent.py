"""A latent diffusion model as score distillation sees it: latents with a gradient, and predictions of the noise."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from editor3d.diffusion.loading import PipelineSource
from editor3d.diffusion.sizing import mirrored
from editor3d.diffusion.weights import how_to_get
from editor3d.errors import EditorUnavailableError


class LatentPrior:
    """The modules of a Stable Diffusion or InstructPix2Pix pipeline, loaded at first use and frozen.

    Latents are kept in 32 bits (64 where the modules are), also where the UNet runs in 16.
    """

    def __init__(self, source: PipelineSource, *, condition: bool, longest_side: int | None = 512) -> None:
        """Remember what to load.

        Args:
            source: the pipeline, of `unet`, `vae`, `text_encoder`, `tokenizer` and `scheduler`.
            condition: its UNet takes the latents of a picture beside the noisy ones.
            longest_side: pictures are scaled, up or down, until their longer side has so many pixels; None keeps them.
        """
        self.source = source
        self._condition = condition
        self._longest_side = longest_side
        self._texts: dict[str, Tensor] = {}

    def locate(self) -> None:
        """Look for the weights; loads and downloads nothing.

        Raises:
            EditorUnavailableError: they are missing; the text says how to get them.
        """
        self.source.locate()

    @cached_property
    def pipeline(self) -> Any:
        """The pipeline, without gradients to its parameters.

        Raises:
            EditorUnavailableError: the weights cannot be loaded, or are of another model.
        """
        pipeline = self.source.pipeline
        wanted = (2 if self._condition else 1) * pipeline.vae.config.latent_channels
        if pipeline.unet.config.in_channels != wanted:
            spec = self.source.spec
            raise EditorUnavailableError(
                f"Expected {spec.title} at {self.source.where}, whose UNet takes {wanted} channels, but this one takes "
                f"{pipeline.unet.config.in_channels}; {how_to_get(spec.hub_id)}."
            )
        for module in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
            module.requires_grad_(False)
        return pipeline

    @property
    def dtype(self) -> torch.dtype:
        return torch.promote_types(self.pipeline.unet.dtype, torch.float32)

    @property
    def alphas_cumprod(self) -> Tensor:
        """abar_t of the training schedule, [N] float64 on the CPU."""
        return self.pipeline.scheduler.alphas_cumprod.double().cpu()

    def encode(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Scaled latents of pictures, a sample of the posterior: scaling * (mu + sigma n).

        Args:
            images: [B, H, W, 3] in 0..1; the gradient goes through.
            generator: on the CPU.

        Returns:
            [B, C, h, w].
        """
        posterior = self._posterior(images)
        mean, deviation = posterior.mean.to(self.dtype), posterior.std.to(self.dtype)
        noise = torch.randn(mean.shape, generator=generator, dtype=self.dtype).to(mean.device)
        return self.pipeline.vae.config.scaling_factor * (mean + deviation * noise)

    @torch.no_grad()
    def encode_condition(self, images: Tensor) -> Tensor:
        """Unscaled latents of pictures [B, H, W, 3] in 0..1, the mode: what InstructPix2Pix is conditioned on."""
        return self._posterior(images).mode().to(self.dtype)

    @torch.no_grad()
    def embed(self, prompts: Sequence[str]) -> Tensor:
        """Text embeddings [B, L, D], kept per prompt."""
        tokenizer = self.pipeline.tokenizer
        for prompt in dict.fromkeys(prompts):
            if prompt not in self._texts:
                tokens = tokenizer(
                    prompt,
                    padding="max_length",
                    max_length=tokenizer.model_max_length,
                    truncation=True,
                    return_tensors="pt",
                )
                self._texts[prompt] = self.pipeline.text_encoder(tokens.input_ids.to(self.source.device))[0]
        return torch.cat([self._texts[prompt] for prompt in prompts])

    @torch.no_grad()
    def predict(self, noisy: Tensor, timesteps: Tensor, text: Tensor, condition: Tensor | None = None) -> Tensor:
        """The noise that the model sees in noisy latents, whatever its UNet predicts (noise, velocity or sample).

        Args:
            noisy: z_t, [B, C, h, w].
            timesteps: [B] int64.
            text: [B, L, D].
            condition: [B, C, h, w] where the model takes one.

        Returns:
            eps, [B, C, h, w].
        """
        unet = self.pipeline.unet
        given = noisy if condition is None else torch.cat([noisy, condition], dim=1)
        output = unet(
            given.to(unet.dtype),
            timesteps.to(noisy.device),
            encoder_hidden_states=text.to(unet.dtype),
            return_dict=False,
        )[0].to(self.dtype)
        kind = self.pipeline.scheduler.config.prediction_type
        if kind == "epsilon":
            return output
        abar = self.alphas_cumprod[timesteps].to(noisy).view(-1, 1, 1, 1)
        if kind == "v_prediction":
            return abar.sqrt() * output + (1.0 - abar).sqrt() * noisy
        return (noisy - abar.sqrt() * output) / (1.0 - abar).sqrt()

    def _posterior(self, images: Tensor) -> Any:
        vae = self.pipeline.vae
        planes = images.permute(0, 3, 1, 2)
        if self._longest_side is not None:
            scale = self._longest_side / max(planes.shape[-2:])
            size = [max(1, round(side * scale)) for side in planes.shape[-2:]]
            if size != list(planes.shape[-2:]):
                planes = F.interpolate(planes, size=size, mode="bilinear", align_corners=False, antialias=True)
        for axis in (2, 3):
            length = planes.shape[axis]
            planes = planes.index_select(axis, mirrored(length, -length % self._multiple).to(planes.device))
        return vae.encode((2.0 * planes - 1.0).to(self.source.device, vae.dtype)).latent_dist

    @property
    def _multiple(self) -> int:
        return self.pipeline.vae_scale_factor
