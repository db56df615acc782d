"""CLIP scores of an edit, when CLIP's weights are on this machine.

With E(.) the normalised CLIP embedding, I a picture before and I' after the edit, T and T' captions of both:

    directional similarity  cos(E(I') - E(I), E(T') - E(T)),                    averaged over views
    similarity              cos(E(I'), E(T')),                                  averaged over views
    consistency             cos(E(I'_k) - E(I_k), E(I'_k+1) - E(I_k+1)),        averaged over neighbouring views

All are true cosines in -1..1. A picture that the edit left as it was has no direction; its cosine counts as 0.

Real CLIP and SigLIP models and the package's own `tiny-clip` load through one class. Scores carry their model's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import cosine_similarity, normalize

from editor3d.host.silence import no_loading_bars
from editor3d.metrics.clip_weights import LOCAL, TINY_CLIP, find_clip, packaged_clip
from editor3d.metrics.unavailable import Unavailable

if TYPE_CHECKING:
    from torch import Tensor


class ClipScorer:
    """A CLIP or SigLIP model, and the scores of an edit under it."""

    def __init__(self, folder: Path, name: str, device: str = "cpu") -> None:
        """
        Args:
            folder: what `save_pretrained` of the model (CLIP, SigLIP or SigLIP 2) and of its processor wrote.
            name: how reports call the model. Scores of different models are not comparable, so quote it with them.
        """
        from transformers import AutoModel, AutoProcessor

        self.name = name
        self._device = device
        with no_loading_bars():
            model = AutoModel.from_pretrained(folder, use_safetensors=True, dtype=torch.float32, **LOCAL)
        self._model = model.to(device).eval()
        self._processor = AutoProcessor.from_pretrained(folder, **LOCAL)
        # SigLIP's pooled outputs are its embeddings already; its texts are padded to one length and not masked.
        self._is_siglip = model.config.model_type.startswith("siglip")

    @torch.inference_mode()
    def embed_images(self, images: Sequence[Tensor]) -> Tensor:
        """[N, D], each row of length 1. Pictures [H, W, 3] in 0..1, of any size."""
        arrays = [(image.detach().cpu().clamp(0, 1) * 255).round().byte().numpy() for image in images]
        pixels = self._processor(images=arrays, return_tensors="pt")["pixel_values"].to(self._device)
        pooled = self._model.vision_model(pixel_values=pixels).pooler_output
        return normalize(pooled if self._is_siglip else self._model.visual_projection(pooled), dim=-1)

    @torch.inference_mode()
    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """[N, D], each row of length 1."""
        if self._is_siglip:
            tokens = self._processor(text=list(texts), return_tensors="pt", padding="max_length", truncation=True)
            pooled = self._model.text_model(input_ids=tokens["input_ids"].to(self._device)).pooler_output
            return normalize(pooled, dim=-1)
        tokens = self._processor(text=list(texts), return_tensors="pt", padding=True, truncation=True)
        pooled = self._model.text_model(
            input_ids=tokens["input_ids"].to(self._device), attention_mask=tokens["attention_mask"].to(self._device)
        ).pooler_output
        return normalize(self._model.text_projection(pooled), dim=-1)

    def directional_similarity(
        self, before: Sequence[Tensor], after: Sequence[Tensor], caption_before: str, caption_after: str
    ) -> float:
        """How far the pictures moved the way the captions did. Pictures [H, W, 3] in 0..1, view by view."""
        texts = self.embed_texts([caption_before, caption_after])
        return directional_similarity(self.embed_images(before), self.embed_images(after), texts[0], texts[1])

    def similarity(self, images: Sequence[Tensor], caption: str) -> float:
        """How well pictures [H, W, 3] in 0..1 fit a caption: the mean over views of cos(E(image), E(caption))."""
        return (self.embed_images(images) @ self.embed_texts([caption])[0]).mean().item()

    def consistency(self, before: Sequence[Tensor], after: Sequence[Tensor]) -> float:
        """How alike neighbouring views moved. At least two pictures [H, W, 3] in 0..1, in a camera path's order."""
        return consistency(self.embed_images(before), self.embed_images(after))


def directional_similarity(before: Tensor, after: Tensor, text_before: Tensor, text_after: Tensor) -> float:
    """Mean over views of cos(after - before, text_after - text_before).

    Args:
        before, after: normalised picture embeddings [N, D].
        text_before, text_after: normalised caption embeddings [D].
    """
    return cosine_similarity(after - before, (text_after - text_before)[None], dim=-1).mean().item()


def consistency(before: Tensor, after: Tensor) -> float:
    """Mean over neighbours k, k+1 of cos(after_k - before_k, after_k+1 - before_k+1).

    Args:
        before, after: normalised picture embeddings [N, D] in the order of a camera path.

    Raises:
        ValueError: fewer than two views.
    """
    if len(before) < 2:
        raise ValueError(f"consistency compares neighbouring views: needs at least 2, got {len(before)}")
    direction = after - before
    return cosine_similarity(direction[:-1], direction[1:], dim=-1).mean().item()


def load_clip(device: str = "cpu") -> ClipScorer | Unavailable:
    """The CLIP or SigLIP model that is on this machine, else the package's small one. Never downloads.

    The small one knows little of the world; its scores carry the name `tiny-clip` and compare with no other model's.

    Returns:
        The scorer, or why there is none.
    """
    found = find_clip()
    if isinstance(found, Unavailable):
        own = packaged_clip()
        if own is None:
            return found
        name, folder = TINY_CLIP, own
    else:
        name, folder = found
    return ClipScorer(folder, name=name, device=device)
