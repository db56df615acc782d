"""InstructPix2Pix (Brooks et al. 2023) through diffusers, used as Instruct-NeRF2NeRF uses it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from editor3d.editors import EDITORS
from editor3d.editors.ip2p_sampling import sample, starting_timestep
from editor3d.editors.sizing import padded, resized, shrunk
from editor3d.editors.weights import IP2P_HUB_ID, choose_variant, find_weights, how_to_get, missing_parts
from editor3d.errors import ConfigError, EditorUnavailableError, InstructionError
from editor3d.types import EditorInfo, EditRequest

if TYPE_CHECKING:
    from diffusers import DDIMScheduler, StableDiffusionInstructPix2PixPipeline


class InstructPix2PixEditor:
    """Noises the scene's render, and denoises it under the instruction and the original picture.

    Weights are loaded at the first edit: from a folder, or from a hub id, which is only downloaded where it was named
    outright and is not on this machine.
    """

    def __init__(
        self, source: str = "", *, device: str = "cpu", half_precision: bool = False, cpu_offload: bool = False
    ) -> None:
        """Remember what to load.

        Args:
            source: a diffusers folder or a hub id; empty is the original's, which must then be on this machine.
            device: as torch names it.
            half_precision: 16 instead of 32 bits.
            cpu_offload: keep only the part at work on the device.

        Raises:
            ConfigError: the device is unknown or not there, or offloading is asked for without CUDA.
        """
        try:
            self._device = torch.device(device)
        except RuntimeError as error:
            raise ConfigError(f"Expected a device such as cpu, cuda or cuda:1, but got '{device}'.") from error
        if cpu_offload and self._device.type != "cuda":
            raise ConfigError(f"Offloading to the CPU needs a CUDA device, but the device is '{device}'; leave it out.")
        if self._device.type == "cuda" and (self._device.index or 0) >= torch.cuda.device_count():
            raise ConfigError(
                f"The editor 'ip2p' should run on '{device}', but this machine has {torch.cuda.device_count()} CUDA "
                "devices; choose cpu or one that is there."
            )
        self._source = source
        self._half_precision = half_precision
        self._cpu_offload = cpu_offload
        self._embeddings: dict[str, Tensor] = {}

    @property
    def info(self) -> EditorInfo:
        return EDITORS["ip2p"].info

    def validate(self, instruction: str, objects: Collection[str], views: Collection[str]) -> None:
        """Look for an instruction and for the weights; loads and downloads nothing.

        Raises:
            InstructionError: the instruction is empty.
            EditorUnavailableError: the weights are missing or incomplete; the text says how to get them.
        """
        if not instruction.strip():
            raise InstructionError("The instruction is empty; say what to change, for example 'turn it into a robot'.")
        self._locate()

    def edit(self, request: EditRequest) -> Tensor:
        """Edit `request.render` under `request.condition`.

        Returns:
            [H, W, 3] float32 in 0..1 on the condition's device.

        Raises:
            EditorUnavailableError: the weights cannot be loaded, or fail at half precision.
            ConfigError: `request.noise_level` cannot be divided into `request.diffusion_steps`.
        """
        if request.render is None:
            raise ValueError("the editor ip2p needs EditRequest.render")
        start = starting_timestep(
            request.noise_level, request.diffusion_steps, self._scheduler.config.num_train_timesteps
        )
        height, width = request.condition.shape[:2]
        small = shrunk(request.condition, self.info.max_side)
        edited = sample(
            self._pipeline.unet,
            self._pipeline.vae,
            self._scheduler,
            self._embed(request.instruction),
            self._to_model(shrunk(request.render, self.info.max_side)),
            self._to_model(small),
            start=start,
            steps=request.diffusion_steps,
            guidance_scale=request.guidance_scale,
            image_guidance_scale=request.image_guidance_scale,
            generator=torch.Generator().manual_seed(request.seed),
        )
        self._pipeline.maybe_free_model_hooks()
        if not torch.isfinite(edited).all():
            raise EditorUnavailableError(
                f"The model at {self._where} returned infinite numbers at "
                f"{'half' if self._half_precision else 'full'} precision; choose full precision, or check the weights."
            )
        picture = ((edited[0].permute(1, 2, 0) + 1.0) / 2.0).clamp(0.0, 1.0).to(request.condition.device, torch.float32)
        return resized(picture[: small.shape[0], : small.shape[1]], height, width)

    def _to_model(self, image: Tensor) -> Tensor:
        """[H, W, 3] in 0..1 -> [1, 3, H', W'] in -1..1, mirrored up to the VAE's multiple, on the device."""
        picture = padded(image.detach(), self._pipeline.vae_scale_factor).permute(2, 0, 1)[None]
        return (2.0 * picture - 1.0).to(self._device, self._pipeline.vae.dtype)

    @torch.no_grad()
    def _embed(self, instruction: str) -> Tensor:
        """Text embeddings [3, L, D] of (instruction, empty, empty), kept per instruction."""
        if instruction not in self._embeddings:
            tokenizer = self._pipeline.tokenizer
            length = tokenizer.model_max_length
            count = len(tokenizer(instruction).input_ids)
            if count > length:
                warnings.warn(f"The instruction has {count} tokens; CLIP reads the first {length} only.", stacklevel=3)
            tokens = tokenizer(
                [instruction, ""], padding="max_length", max_length=length, truncation=True, return_tensors="pt"
            )
            text, empty = self._pipeline.text_encoder(tokens.input_ids.to(self._device))[0]
            self._embeddings[instruction] = torch.stack([text, empty, empty])
        return self._embeddings[instruction]

    def _locate(self) -> Path | str:
        """The folder to load from, or the hub id to download.

        Raises:
            EditorUnavailableError: neither can be.
        """
        if not self._source:
            folder = find_weights(IP2P_HUB_ID)
            if folder is None:
                raise EditorUnavailableError(
                    f"The editor 'ip2p' needs the weights of {IP2P_HUB_ID}, which are not on this machine; "
                    f"{how_to_get(IP2P_HUB_ID)}, or name a folder: ip2p:PATH."
                )
            return folder
        folder = Path(self._source).expanduser()
        if folder.exists() or not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", self._source):
            missing = missing_parts(folder)
            if missing:
                raise EditorUnavailableError(
                    f"Expected a diffusers folder of InstructPix2Pix at {folder}, but it lacks {', '.join(missing)}; "
                    f"{how_to_get(IP2P_HUB_ID)}."
                )
            return folder
        return find_weights(self._source) or self._source

    @cached_property
    def _where(self) -> Path | str:
        return self._locate()

    @cached_property
    def _pipeline(self) -> StableDiffusionInstructPix2PixPipeline:
        """The pipeline, on its device; only its modules are used.

        Raises:
            EditorUnavailableError: the weights cannot be read or downloaded, or are of another model.
        """
        from diffusers import StableDiffusionInstructPix2PixPipeline
        from safetensors import SafetensorError

        local = isinstance(self._where, Path)
        variant = choose_variant(self._where, self._half_precision) if local else None
        try:
            pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained(
                str(self._where),
                dtype=torch.float16 if self._half_precision else torch.float32,
                variant=variant if local or not self._half_precision else "fp16",
                use_safetensors=True,
                safety_checker=None,
                requires_safety_checker=False,
                local_files_only=local,
            )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            reason = " ".join(str(error).split())[:300]
            raise EditorUnavailableError(
                f"The weights of InstructPix2Pix cannot be loaded from {self._where} ({reason}); get them anew: "
                f"{how_to_get(IP2P_HUB_ID)}."
            ) from error
        wanted = 2 * pipeline.vae.config.latent_channels
        if pipeline.unet.config.in_channels != wanted:
            raise EditorUnavailableError(
                f"Expected InstructPix2Pix at {self._where}, whose UNet takes {wanted} channels, but this one takes "
                f"{pipeline.unet.config.in_channels}; {how_to_get(IP2P_HUB_ID)}."
            )
        if self._cpu_offload:
            pipeline.enable_model_cpu_offload(device=self._device)
        else:
            pipeline.to(self._device)
        return pipeline

    @cached_property
    def _scheduler(self) -> DDIMScheduler:
        from diffusers import DDIMScheduler

        return DDIMScheduler.from_config(self._pipeline.scheduler.config)
