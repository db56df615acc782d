"""Models that dress a person: editors of two pictures, and inpainting beside the garment on one canvas."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial

import cv2
import torch
from PIL import Image
from torch import Tensor

from editor3d.diffusion.sizing import around, mask_resized, resized
from editor3d.editors.pipelines import flux2_klein, inpaint, qwen_image_edit
from editor3d.editors.pipelines.diffusers_edit import DiffusersEditor, EditModel, fitted, mask_picture, to_pil
from editor3d.errors import ConfigError
from editor3d.types import EditRequest, Garment

INSTRUCTION = (
    "Dress the person of the first picture in the garment of the second picture. Keep the face, the hair, the pose, "
    "the light and the background."
)
"""The prompt of editors of two pictures, before the user's words."""
GROWTH = 0.04
"""How far a new garment may reach beyond what is worn, as a share of the picture's longer side."""
_MARGIN = 0.4
"""How much of what is round a garment an inpainting model sees, as a share of its longer side."""


def instruction_of(request: EditRequest) -> str:
    """The prompt of a model that takes words."""
    return f"{INSTRUCTION} {request.instruction}".strip()


def garment_on(garment: Garment, height: int, width: int, background: float = 1.0) -> Tensor:
    """A garment alone in the middle of a picture of a size, before an even background: [H, W, 3]."""
    rows, columns = around(garment.mask, 0.05, least=8)
    cut = torch.where(garment.mask[..., None], garment.picture, torch.full_like(garment.picture, background))
    cut = cut[rows, columns]
    scale = min(height / cut.shape[0], width / cut.shape[1])
    small = resized(cut, max(1, round(cut.shape[0] * scale)), max(1, round(cut.shape[1] * scale)))
    canvas = torch.full((height, width, 3), background)
    top, left = (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return canvas


def grown(mask: Tensor) -> Tensor:
    """Where a new garment may be painted: what is worn, and a little round it. [H, W] bool."""
    reach = max(1, round(GROWTH * max(mask.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return torch.from_numpy(cv2.dilate(mask.cpu().numpy().astype("uint8"), disc).astype(bool))


def garment_of(request: EditRequest) -> Garment:
    """
    Raises:
        ConfigError: the request carries none.
    """
    if request.garment is None:
        raise ConfigError("Expected the picture of a garment, got none: give --garment FILE.")
    return request.garment


class GarmentEditor(DiffusersEditor):
    """An editor of pictures that is shown the person and the garment.

    Where the request carries a mask, what is far from it stays bit-equal to the original picture.
    """

    def validate(self, instruction: str, objects: Collection[str], views: Collection[str]) -> None:
        """Look for the weights; the instruction may be empty.

        Raises:
            EditorUnavailableError: the weights are missing or incomplete; the text says how to get them.
        """
        self._source.locate()

    def edited_objects(self, instruction: str, objects: Collection[str]) -> tuple[str, ...]:
        return ()

    def edit(self, request: EditRequest) -> Tensor:
        """Dress the person in `request.condition`.

        Returns:
            [H, W, 3] float32 in 0..1 on the condition's device.

        Raises:
            ConfigError: the request carries no garment.
            EditorUnavailableError: the weights cannot be loaded, or fail at half precision.
        """
        garment = garment_of(request)
        original = request.condition.detach().to("cpu", torch.float32)
        picture, back = fitted(original, self.info)
        height, width = picture.shape[:2]
        with torch.no_grad():
            edited = self._pipeline(
                prompt=instruction_of(request),
                image=[to_pil(picture), to_pil(garment_on(garment, height, width))],
                height=height,
                width=width,
                generator=torch.Generator().manual_seed(request.seed),
                output_type="pt",
                **self._model.arguments(self._pipeline, request, height, width),
            ).images
        self._source.refuse_infinite(edited)
        dressed = back(edited[0].permute(1, 2, 0).to("cpu", torch.float32).clamp(0.0, 1.0))
        if request.mask is not None:
            dressed = torch.where(grown(request.mask)[..., None], dressed, original)
        return dressed.to(request.condition.device)


class CanvasEditor(GarmentEditor):
    """An inpainting model that sees the person above the garment on one canvas, as CatVTON's does, and paints what is
    worn anew: its attention carries the garment over. The model should have been trained so."""

    def edit(self, request: EditRequest) -> Tensor:
        """As `GarmentEditor.edit`; the request must carry a mask.

        Raises:
            ConfigError: it carries none, or no garment.
        """
        garment = garment_of(request)
        if request.mask is None:
            raise ConfigError("Expected a mask of what is worn, got none: use the method gaussian-vton.")
        original = request.condition.detach().to("cpu", torch.float32)
        mask = grown(request.mask)
        if not bool(request.mask.any()):
            return original.to(request.condition.device)
        rows, columns = around(mask, _MARGIN, least=2 * self.info.multiple_of)
        person, inside = original[rows, columns], mask[rows, columns]
        picture, back = fitted(person, self.info)
        height, width = picture.shape[:2]
        canvas = torch.cat([picture, garment_on(garment, height, width)])
        painted = torch.zeros(2 * height, width, dtype=torch.bool)
        painted[:height] = mask_resized(inside, height, width)
        with torch.no_grad():
            edited = self._pipeline(
                prompt=request.instruction,
                image=to_pil(canvas),
                mask_image=mask_picture(painted),
                height=2 * height,
                width=width,
                generator=torch.Generator().manual_seed(request.seed),
                output_type="pt",
                **self._model.arguments(self._pipeline, request, 2 * height, width),
            ).images
        self._source.refuse_infinite(edited)
        upper = edited[0].permute(1, 2, 0)[:height].to("cpu", torch.float32).clamp(0.0, 1.0)
        result = original.clone()
        result[rows, columns] = torch.where(inside[..., None], back(upper), person)
        return result.to(request.condition.device)


def shown_garment(garment: Garment) -> Image.Image:
    """A garment before white, as a picture to send."""
    return to_pil(garment_on(garment, *garment.mask.shape))


flux2_klein_try_on = partial(
    GarmentEditor, EditModel(replace(flux2_klein.SPEC, name="flux2-klein-try-on"), flux2_klein.arguments)
)
qwen_try_on = partial(
    GarmentEditor, EditModel(replace(qwen_image_edit.PLUS, name="qwen-try-on"), qwen_image_edit.arguments)
)
canvas_try_on = partial(
    CanvasEditor,
    EditModel(replace(inpaint.SD, name="catvton-inpaint", title="an inpainting model for try-on"), inpaint.arguments),
)
