"""Calling a diffusers editing or inpainting pipeline: sizes, masks, seeds, and the picture back in its place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from editor3d.diffusion.loading import PipelineSource, PipelineSpec
from editor3d.diffusion.sizing import around, mask_resized, padded, resized, shrunk, working_size
from editor3d.editors.masking import mask_of, named_objects, names_in
from editor3d.editors.pipelines.local import PipelineEditor
from editor3d.editors.references import prompt_with, references_for, without_holes
from editor3d.types import EditorInfo, EditRequest

if TYPE_CHECKING:
    from PIL import Image

_MARGIN = 0.5
"""How much of a mask's surroundings an inpainting model sees, as a fraction of the mask's longer side."""


@dataclass(frozen=True)
class EditModel:
    """How one diffusers pipeline edits a picture, as data. Capabilities and sizes stand in the registry."""

    spec: PipelineSpec
    arguments: Callable[[Any, EditRequest, int, int], Mapping[str, Any]]
    """(pipeline, request, height, width) -> what its call takes besides the prompt, the pictures and the generator."""
    loaded: Callable[[Any], None] = lambda pipeline: None
    """Refuses a pipeline of another architecture, by EditorUnavailableError."""


class DiffusersEditor(PipelineEditor):
    """An editor that calls a diffusers pipeline.

    A picture of another size than the model's is scaled to it and back, without shift. With a mask, the model sees the
    mask and its surroundings only, starts from the scene's render inside the mask, and everything outside stays
    bit-equal to the original picture. References are scaled as the picture is, follow it in their order, and are
    explained in the prompt.
    """

    def __init__(self, model: EditModel, source: str = "", **options: Any) -> None:
        """Remember what to load.

        Args:
            model: the pipeline.
            source: a diffusers folder or a hub id; empty is the model's own, which must then be on this machine.
            options: `device`, `half_precision` and `cpu_offload` of `PipelineSource`.

        Raises:
            ConfigError: the device is unknown or not there, or offloading is requested without CUDA.
        """
        super().__init__(PipelineSource(model.spec, source, **options))
        self._model = model
        self._checked = False

    def validate(self, instruction: str, objects: Collection[str], views: Collection[str]) -> None:
        """Look for an instruction and for the weights; loads and downloads nothing.

        A caller that will give `EditRequest.mask` passes no objects: then the instruction need not name one.

        Raises:
            InstructionError: the instruction is empty, or the mask is to be that of an object, and it names none or may
                mean several.
            EditorUnavailableError: the weights are missing or incomplete; the text says how to get them.
        """
        if self.info.needs_mask and objects and instruction.strip():
            names_in(instruction, objects)
        super().validate(instruction, objects, views)

    def edited_objects(self, instruction: str, objects: Collection[str]) -> tuple[str, ...]:
        """See `ObjectEditor`: an editor that works inside masks leaves the rest alone."""
        return named_objects(instruction, objects) if self.info.needs_mask else ()

    def edit(self, request: EditRequest) -> Tensor:
        """Edit `request.condition`, inside the mask where the model takes one.

        Returns:
            [H, W, 3] float32 in 0..1 on the condition's device.

        Raises:
            InstructionError: the model needs a mask, and neither the request nor the instruction gives one.
            EditorUnavailableError: the weights cannot be loaded, or fail at half precision.
        """
        if not self.info.needs_mask:
            return self._call(request, request.condition.detach(), None)
        mask = mask_of(request).to(request.condition.device)
        if not mask.any():
            return request.condition.detach().to(torch.float32)
        rows, columns = around(mask, _MARGIN, least=2 * self.info.multiple_of)
        original = request.condition.detach()
        render = original if request.render is None else request.render.detach().to(original)
        start = torch.where(mask[..., None], render, original)
        painted = self._call(request, start[rows, columns], mask[rows, columns])
        result = original.to(torch.float32).clone()
        result[rows, columns] = torch.where(mask[rows, columns, None], painted, result[rows, columns])
        return result

    def _call(self, request: EditRequest, image: Tensor, mask: Tensor | None) -> Tensor:
        """One call of the pipeline; the result has the size of `image`."""
        pipeline = self._pipeline
        picture, back = fitted(image, self.info)
        height, width = picture.shape[:2]
        masks = {} if mask is None else {"mask_image": mask_picture(mask_resized(mask, height, width))}
        references = references_for(request, self.info)
        shown = [to_pil(fitted(without_holes(reference), self.info)[0]) for reference in references]
        with torch.no_grad():
            edited = pipeline(
                prompt=prompt_with(request.instruction, references),
                image=[to_pil(picture), *shown] if shown else to_pil(picture),
                height=height,
                width=width,
                generator=torch.Generator().manual_seed(request.seed),
                output_type="pt",
                **masks,
                **self._model.arguments(pipeline, request, height, width),
            ).images
        self._source.refuse_infinite(edited)
        return back(edited[0].permute(1, 2, 0).to(image.device, torch.float32).clamp(0.0, 1.0))

    @property
    def _pipeline(self) -> Any:
        if not self._checked:
            self._model.loaded(self._source.pipeline)
            self._checked = True
        return self._source.pipeline


def fitted(image: Tensor, info: EditorInfo) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """A picture [H, W, 3] at a size that an editor works at, and the way back for what it returns at that size.

    Where the model was trained on a range of areas the picture is scaled to a size in it; otherwise it is scaled down
    to the longest side and mirrored up to the next multiple. Neither moves anything.
    """
    height, width = image.shape[:2]
    if info.working_pixels is not None:
        size = working_size(height, width, info.multiple_of, info.working_pixels)
        return resized(image, *size), lambda edited: resized(edited, height, width)
    small = shrunk(image, info.max_side)
    rows, columns = small.shape[:2]
    return padded(small, info.multiple_of), lambda edited: resized(edited[:rows, :columns], height, width)


def to_pil(image: Tensor) -> Image.Image:
    """[H, W, 3] in 0..1 -> an 8-bit picture, which is all that some pipelines take."""
    from PIL import Image

    return Image.fromarray((image.detach().float().clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).cpu().numpy())


def mask_picture(mask: Tensor) -> Image.Image:
    """[H, W] bool -> white where True."""
    from PIL import Image

    return Image.fromarray(mask.to(torch.uint8).mul(255).cpu().numpy())


def whole_steps(noise_level: float, steps: int) -> float:
    """The strength at which a pipeline takes a whole number of its steps, at least one, nearest to the noise level."""
    return min(1.0, max(1, round(noise_level * steps)) / steps + 1e-6)
