"""`tiny-ip2p`: the small InstructPix2Pix that comes with the package, run by the class that runs the real one."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from editor3d.diffusion.sizing import padded, resized
from editor3d.diffusion.weights import PACKAGED, choose_variant, find_weights, how_to_get
from editor3d.editors import EDITORS
from editor3d.editors.masking import named_objects
from editor3d.editors.pipelines.guided_upsampling import upsample_edit
from editor3d.editors.pipelines.ip2p import SPEC, InstructPix2PixEditor
from editor3d.errors import EditorUnavailableError, InstructionError
from editor3d.types import EditorInfo, EditRequest

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

NAME = "tiny-ip2p"
HUB_ID = f"{PACKAGED}/{NAME}"
SIDE = 64
"""Pixels of the shorter side that the model works at."""
MAX_SIDE = 128
USUAL_TEXT, USUAL_IMAGE = 7.5, 1.5
"""InstructPix2Pix's usual scales of text and image guidance, which requests are stated in."""
TEXT, IMAGE = 1.05, 1.0
"""The scales at which this model's edits of pictures are nearest to their references."""


class TinyInstructPix2PixEditor:
    """Edits a small copy of the picture by diffusion, and carries the change over to the full size.

    Guidance scales are stated as for InstructPix2Pix: 7.5 and 1.5 stand for this model's own usual ones, and others are
    in proportion.
    """

    def __init__(self, source: str = "", **options: Any) -> None:
        """Remember what to load.

        Args:
            source: a folder that `python -m lab.train_editor` wrote; empty is the shipped one.
            options: `device`, `half_precision` and `cpu_offload`, as `InstructPix2PixEditor`'s.

        Raises:
            ConfigError: the device is unknown or not there, or offloading is requested without CUDA.
        """
        self._source = source
        spec = replace(SPEC, name=NAME, title="the small InstructPix2Pix", hub_id=HUB_ID)
        self._editor = InstructPix2PixEditor(source, spec=spec, **options)

    @property
    def info(self) -> EditorInfo:
        return EDITORS[NAME].info

    def validate(self, instruction: str, objects: Collection[str], views: Collection[str]) -> None:
        """Look for the weights, and for words that the model never saw. The empty instruction is taken: no edit.

        Raises:
            InstructionError: a word is not known; the text lists some that are.
            EditorUnavailableError: the weights are missing.
        """
        self._editor.validate(instruction.strip() or "nothing", objects, views)
        unknown = [word for word in re.findall(r"[^\W_]+", instruction.lower()) if word not in self._words]
        if unknown:
            raise InstructionError(
                f"The editor '{NAME}' was not trained on '{unknown[0]}' of '{instruction}'; it knows colours, "
                "materials, times of day, seasons, weather, a few styles and household objects, for example "
                "'make it winter' or 'make the teapot gold'."
            )

    def edited_objects(self, instruction: str, objects: Collection[str]) -> tuple[str, ...]:
        """See `ObjectEditor`. The model was trained to leave alone what is not named; a name that may mean several
        objects is left to it."""
        try:
            return named_objects(instruction, objects)
        except InstructionError:
            return ()

    def edit(self, request: EditRequest) -> Tensor:
        """Edit `request.render` under `request.condition` at the model's size.

        Returns:
            [H, W, 3] float32 in 0..1 on the condition's device: the condition, changed as its small copy was.

        Raises:
            EditorUnavailableError: the weights cannot be loaded.
            ConfigError: `request.noise_level` cannot be divided into `request.diffusion_steps`.
        """
        if request.render is None:
            raise ValueError(f"the editor {NAME} needs EditRequest.render")
        height, width = working_size(*request.condition.shape[:2])
        before = resized(request.condition.float(), height, width)
        render = resized(request.render.float(), height, width)
        # the model reads no masks, and those of the request have the picture's size
        small = replace(request, condition=before, render=render, objects={}, mask=None)
        after = self.edit_small(small)
        return upsample_edit(request.condition.float(), self.reconstruct(before), after)

    def edit_small(self, request: EditRequest) -> Tensor:
        """Edit pictures that have the working size; what the model itself gives, [h, w, 3]."""
        scales = {
            "guidance_scale": request.guidance_scale * TEXT / USUAL_TEXT,
            "image_guidance_scale": request.image_guidance_scale * IMAGE / USUAL_IMAGE,
        }
        return self._editor.edit(replace(request, **scales))

    @torch.no_grad()
    def reconstruct(self, picture: Tensor) -> Tensor:
        """What the autoencoder alone makes of a picture of the working size, [h, w, 3]: the best the model can do."""
        planes = padded(picture.detach().cpu().float(), self.info.multiple_of).permute(2, 0, 1)[None]
        latents: Any = self._vae.encode(2 * planes - 1, return_dict=False)[0].mode()
        decoded = self._vae.decode(latents, return_dict=False)[0][0]
        back = ((decoded.permute(1, 2, 0) + 1) / 2).clamp(0, 1).to(picture.device)
        return back[: picture.shape[0], : picture.shape[1]]

    @cached_property
    def folder(self) -> Path:
        """The diffusers folder that is loaded.

        Raises:
            EditorUnavailableError: there is none.
        """
        folder = Path(self._source).expanduser() if self._source else find_weights(HUB_ID)
        if folder is None:
            raise EditorUnavailableError(f"The small InstructPix2Pix is missing; {how_to_get(HUB_ID)}.")
        return folder

    @cached_property
    def _words(self) -> frozenset[str]:
        try:
            body = json.loads((self.folder / "tokenizer" / "tokenizer.json").read_text(encoding="utf-8"))
            vocabulary = body["model"]["vocab"]
        except (OSError, ValueError, KeyError) as error:
            raise EditorUnavailableError(
                f"Expected the small model's words in {self.folder}/tokenizer/tokenizer.json, which cannot be read; "
                "reinstall editor3d, or train it in a checkout of its source: python -m lab.train_editor."
            ) from error
        return frozenset(token.removesuffix("</w>") for token in vocabulary if token.endswith("</w>"))

    @cached_property
    def _vae(self) -> AutoencoderKL:
        from diffusers import AutoencoderKL

        variant = choose_variant(self.folder, half_precision=True)
        return AutoencoderKL.from_pretrained(
            self.folder / "vae",
            variant=variant,
            torch_dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
        ).eval()


def working_size(height: int, width: int) -> tuple[int, int]:
    """Height and width that the model works at: the shorter side 64, unless the longer one would pass 128."""
    scale = min(SIDE / min(height, width), MAX_SIDE / max(height, width))
    return max(8, round(height * scale)), max(8, round(width * scale))
