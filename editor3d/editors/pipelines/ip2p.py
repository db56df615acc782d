"""InstructPix2Pix (Brooks et al. 2023) through diffusers, used as Instruct-NeRF2NeRF uses it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from editor3d.diffusion.ip2p_sampling import sample, starting_timestep
from editor3d.diffusion.loading import PipelineSource, PipelineSpec
from editor3d.diffusion.sizing import padded, resized, shrunk
from editor3d.diffusion.weights import IP2P_HUB_ID, how_to_get
from editor3d.editors.pipelines.local import PipelineEditor
from editor3d.errors import Editor3DWarning, EditorUnavailableError
from editor3d.types import EditRequest

if TYPE_CHECKING:
    from diffusers import DDIMScheduler

SPEC = PipelineSpec(
    name="ip2p",
    title="InstructPix2Pix",
    hub_id=IP2P_HUB_ID,
    pipeline="StableDiffusionInstructPix2PixPipeline",
    options={"safety_checker": None, "requires_safety_checker": False},
)


@dataclass(frozen=True, eq=False)
class Text:
    """The conditions of a UNet: an instruction and the empty text."""

    embeddings: Tensor
    """[3, L, D] under (the instruction, the empty text, the empty text)."""
    added: Mapping[str, Tensor] = field(default_factory=dict)
    """Further conditions of the UNet, [3, …] each."""

    @classmethod
    def stacked(cls, text: Tensor, empty: Tensor, **added: tuple[Tensor, Tensor]) -> Text:
        """From the embeddings [1, …] of the instruction and of the empty text."""
        return cls(
            torch.cat([text, empty, empty]),
            {name: torch.cat([ours, none, none]) for name, (ours, none) in added.items()},
        )


def encode_by_clip(pipeline: Any, instruction: str, size: tuple[int, int], device: torch.device) -> Text:
    """The conditions of Stable Diffusion's UNet; the size of the picture is not part of them."""
    tokenizer = pipeline.tokenizer
    tokens = tokenizer(
        [instruction, ""],
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )
    text, empty = pipeline.text_encoder(tokens.input_ids.to(device))[0].split(1)
    return Text.stacked(text, empty)


class InstructPix2PixEditor(PipelineEditor):
    """Noises the scene's render, and denoises it under the instruction and the original picture.

    Weights are loaded at the first edit: from a folder, or from a hub id, which is only downloaded where it was named
    outright and is not on this machine.
    """

    def __init__(
        self,
        source: str = "",
        *,
        spec: PipelineSpec = SPEC,
        encode: Callable[[Any, str, tuple[int, int], torch.device], Text] = encode_by_clip,
        **options: Any,
    ) -> None:
        """Remember what to load.

        Args:
            source: a diffusers folder or a hub id; empty is the spec's, which must then be on this machine.
            spec: the model.
            encode: gives the conditions of its UNet from the pipeline, the instruction, the picture's (height, width)
                and the device.
            options: `device`, `half_precision` and `cpu_offload` of `PipelineSource`.

        Raises:
            ConfigError: the device is unknown or not there, or offloading is requested without CUDA.
        """
        super().__init__(PipelineSource(spec, source, **options))
        self._encode = encode
        self._texts: dict[tuple[str, tuple[int, int]], Text] = {}

    def edit(self, request: EditRequest) -> Tensor:
        """Edit `request.render` under `request.condition`.

        Returns:
            [H, W, 3] float32 in 0..1 on the condition's device.

        Raises:
            EditorUnavailableError: the weights cannot be loaded, or fail at half precision.
            ConfigError: `request.noise_level` cannot be divided into `request.diffusion_steps`.
        """
        if request.render is None:
            raise ValueError(f"the editor {self._source.spec.name} needs EditRequest.render")
        trained = self._scheduler.config["num_train_timesteps"]
        start = starting_timestep(request.noise_level, request.diffusion_steps, trained)
        height, width = request.condition.shape[:2]
        small = shrunk(request.condition, self.info.max_side)
        condition = self._to_model(small)
        text = self._text(request.instruction, (condition.shape[-2], condition.shape[-1]))
        edited = sample(
            self._pipeline.unet,
            self._pipeline.vae,
            self._scheduler,
            text.embeddings,
            self._to_model(shrunk(request.render, self.info.max_side)),
            condition,
            start=start,
            steps=request.diffusion_steps,
            guidance_scale=request.guidance_scale,
            image_guidance_scale=request.image_guidance_scale,
            generator=torch.Generator().manual_seed(request.seed),
            added=text.added,
        )
        self._pipeline.maybe_free_model_hooks()
        self._source.refuse_infinite(edited)
        picture = ((edited[0].permute(1, 2, 0) + 1.0) / 2.0).clamp(0.0, 1.0).to(request.condition.device, torch.float32)
        return resized(picture[: small.shape[0], : small.shape[1]], height, width)

    def _to_model(self, image: Tensor) -> Tensor:
        """[H, W, 3] in 0..1 -> [1, 3, H', W'] in -1..1, mirrored up to the VAE's multiple, on the device."""
        picture = padded(image.detach(), self._pipeline.vae_scale_factor).permute(2, 0, 1)[None]
        return (2.0 * picture - 1.0).to(self._source.device, self._pipeline.vae.dtype)

    def _text(self, instruction: str, size: tuple[int, int]) -> Text:
        """The instruction for pictures of a size, kept for the next view."""
        if (instruction, size) not in self._texts:
            self._warn_of_length(instruction)
            with torch.no_grad():
                self._texts[instruction, size] = self._encode(self._pipeline, instruction, size, self._source.device)
        return self._texts[instruction, size]

    def _warn_of_length(self, instruction: str) -> None:
        tokenizer = self._pipeline.tokenizer
        count = len(tokenizer(instruction).input_ids)
        if count > tokenizer.model_max_length:
            warnings.warn(
                f"The instruction has {count} tokens; CLIP reads the first {tokenizer.model_max_length} only.",
                Editor3DWarning,
                stacklevel=4,
            )

    @cached_property
    def _pipeline(self) -> Any:
        """The pipeline, on its device; only its modules are used.

        Raises:
            EditorUnavailableError: the weights cannot be read or downloaded, or are of another model.
        """
        pipeline = self._source.pipeline
        wanted = 2 * pipeline.vae.config.latent_channels
        if pipeline.unet.config.in_channels != wanted:
            spec = self._source.spec
            raise EditorUnavailableError(
                f"Expected {spec.title} at {self._source.where}, whose UNet takes {wanted} channels, but this one "
                f"takes {pipeline.unet.config.in_channels}; {how_to_get(spec.hub_id)}."
            )
        return pipeline

    @cached_property
    def _scheduler(self) -> DDIMScheduler:
        from diffusers import DDIMScheduler

        scheduler = DDIMScheduler.from_config(self._pipeline.scheduler.config)
        assert isinstance(scheduler, DDIMScheduler)  # it gives more only where asked to
        return scheduler
