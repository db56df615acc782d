"""References of a request, made ready for a model: which are sent, what stands in their holes, and words for them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from editor3d.types import EditorInfo, EditRequest, Reference

HOLE = 0.5
"""The grey, in all channels, of pixels that a reference does not know."""
_SHOWS = {
    "anchor": "shows the finished edit of the same scene from another side: give picture 1 the same colours, "
    "materials, light and style wherever both show the same things",
    "warped": "shows what is known of the finished edit from exactly the viewpoint of picture 1: copy what it shows to "
    "the same place",
}
"""What a picture of each kind is for."""
_HOLES = "; where it is plain grey it knows nothing, so continue the edit there to match"
_KEEP = (
    "Keep the viewpoint, the framing and everything else of picture 1 as they are, and return picture 1 alone, edited."
)


def references_for(request: EditRequest, info: EditorInfo) -> tuple[Reference, ...]:
    """Those of a request that an editor takes: the first `EditorInfo.references`."""
    return request.references[: info.references]


def without_holes(reference: Reference) -> Tensor:
    """The picture [H, W, 3] float32 on the CPU, plain grey where it is not known."""
    picture = reference.picture.detach().to("cpu", torch.float32)
    if reference.mask is None:
        return picture
    return torch.where(reference.mask.detach().cpu().bool()[..., None], picture, torch.full_like(picture, HOLE))


def prompt_with(instruction: str, references: Sequence[Reference]) -> str:
    """The prompt of a model that reads sentences: the instruction, and what each picture is, by its number.

    Picture 1 is the one to edit; the references follow in their order. Without references it is the instruction.
    """
    if not references:
        return instruction
    sentences = [f"Edit picture 1: {instruction.strip().rstrip('.')}"]
    for number, reference in enumerate(references, start=2):
        holes = reference.mask is not None and not bool(reference.mask.all())
        sentences.append(f"Picture {number} {_SHOWS[reference.kind]}{_HOLES if holes else ''}")
    return ". ".join([*sentences, _KEEP])


def digest_of(references: Sequence[Reference]) -> str:
    """Hex digits that differ where the references do: in kind, order, or a pixel of a picture or mask.

    Pictures count as the 8 bits that a service or a file gets of them. Empty without references.
    """
    if not references:
        return ""
    digest = hashlib.sha256()
    for reference in references:
        pixels = (without_holes(reference).clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).numpy()
        known = np.ones(pixels.shape[:2], bool) if reference.mask is None else reference.mask.detach().cpu().numpy()
        digest.update(f"{reference.kind} {pixels.shape}".encode() + pixels.tobytes() + np.packbits(known).tobytes())
    return digest.hexdigest()
