"""CLIP as guidance: embeddings of renders that a gradient passes through, beside those of texts.

Real CLIP and SigLIP models and the package's own `tiny-clip` load through one class, as for scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from editor3d.errors import EditorUnavailableError
from editor3d.host.silence import no_loading_bars
from editor3d.metrics.clip_weights import LOCAL, TINY_CLIP, find_clip, packaged_clip
from editor3d.metrics.unavailable import Unavailable


class ClipEncoder:
    """The two towers of a CLIP or SigLIP model, frozen.

    Args:
        folder: what `save_pretrained` of the model and of its processor wrote.
        name: how reports call the model.

    Raises:
        EditorUnavailableError: the folder holds no such model.
    """

    def __init__(self, folder: Path, name: str, device: str = "cpu") -> None:
        from transformers import AutoModel, AutoProcessor

        self.name, self._device = name, device
        try:
            with no_loading_bars():
                model = AutoModel.from_pretrained(folder, use_safetensors=True, dtype=torch.float32, **LOCAL)
            self._processor = AutoProcessor.from_pretrained(folder, **LOCAL)
        except (OSError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise EditorUnavailableError(
                f"Expected the files of a CLIP model in {folder}, found none that can be read ({reason}): give the "
                f"folder that its save_pretrained wrote."
            ) from error
        self._model = model.to(device).eval().requires_grad_(False)
        # SigLIP's pooled outputs are its embeddings already; its texts are padded to one length and not masked.
        self._is_siglip = model.config.model_type.startswith("siglip")
        pictures = getattr(self._processor, "image_processor", self._processor)
        self._mean = torch.tensor(pictures.image_mean, device=device).view(3, 1, 1)
        self._std = torch.tensor(pictures.image_std, device=device).view(3, 1, 1)
        self.side: int = model.config.vision_config.image_size
        """Pixels of the sides of the pictures that it looks at; others are scaled."""

    def embed_images(self, images: Tensor) -> Tensor:
        """[B, D], each row of length 1, of square pictures [B, H, H, 3] in 0..1; differentiable in them."""
        planes = images.to(self._device).permute(0, 3, 1, 2)
        if planes.shape[-1] != self.side:
            planes = F.interpolate(planes, size=(self.side, self.side), mode="bicubic", antialias=True)
        pixels = (planes.clamp(0.0, 1.0) - self._mean) / self._std
        pooled = self._model.vision_model(pixel_values=pixels).pooler_output
        return F.normalize(pooled if self._is_siglip else self._model.visual_projection(pooled), dim=-1)

    @torch.no_grad()
    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """[N, D], each row of length 1."""
        padding = "max_length" if self._is_siglip else True
        tokens = self._processor(text=list(texts), return_tensors="pt", padding=padding, truncation=True)
        inputs = {"input_ids": tokens["input_ids"].to(self._device)}
        if not self._is_siglip:
            inputs["attention_mask"] = tokens["attention_mask"].to(self._device)
        pooled = self._model.text_model(**inputs).pooler_output
        return F.normalize(pooled if self._is_siglip else self._model.text_projection(pooled), dim=-1)


def find_encoder(spec: str = "auto") -> tuple[str, Path]:
    """Name and folder of the CLIP that `spec` means. Cheap: loads no weights, downloads nothing.

    Args:
        spec: a folder; or auto, a real model that is on this machine, else the package's small one.

    Raises:
        EditorUnavailableError: there is none; the text says how to get one.
    """
    if spec != "auto":
        folder = Path(spec).expanduser()
        if not (folder / "config.json").is_file():
            raise EditorUnavailableError(
                f"Expected the folder of a CLIP model (with config.json) at {folder}, found none: check the path."
            )
        return folder.name, folder
    found = find_clip()
    if not isinstance(found, Unavailable):
        return found
    own = packaged_clip()
    if own is None:
        raise EditorUnavailableError(
            f"A prompt is compared with the mesh by CLIP, and no CLIP is on this machine: {found.remedy}, or train the "
            "small one by python -m lab.train_clip in a checkout of the source, or give an instruction for a 2D editor "
            "in place of the prompt."
        )
    return TINY_CLIP, own
