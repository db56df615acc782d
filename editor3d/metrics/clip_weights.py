"""Find a CLIP model on this machine. Looks at local files only; imports no model and no torch."""

from __future__ import annotations

from pathlib import Path

from editor3d.diffusion.weights import MODELS_VARIABLE, model_folders
from editor3d.metrics.unavailable import Unavailable

CLIP_HUB_IDS = ("openai/clip-vit-large-patch14", "openai/clip-vit-base-patch32", "google/siglip-base-patch16-224")
"""Looked for in this order. Scores of different models are not comparable."""

TINY_CLIP = "tiny-clip"
"""Name of the small model that comes with the package."""

LOCAL = {"local_files_only": True, "trust_remote_code": False}
"""How transformers reads such a folder: no network, and no program that the folder may hold."""

# Any one file of each group will do: which of them a folder has depends on the version that saved it.
_PARTS = (
    ("config.json",),
    ("model.safetensors", "model.safetensors.index.json"),
    ("tokenizer.json", "vocab.json"),
    ("preprocessor_config.json", "processor_config.json"),
)


def find_clip() -> tuple[str, Path] | Unavailable:
    """The hub id and folder of the first CLIP model below `$EDITOR3D_MODELS` or in the Hugging Face cache."""
    for hub_id in CLIP_HUB_IDS:
        for folder in model_folders(hub_id, "config.json"):
            if _is_complete(folder):
                return hub_id, folder
    wanted = CLIP_HUB_IDS[0]
    return Unavailable(
        reason=f"CLIP scores need the weights of {wanted}",
        remedy=f"run `hf download {wanted} --include '*.json' --include '*.txt' --include model.safetensors` (1.7 GB), "
        f"or copy its folder to ${MODELS_VARIABLE}/{wanted.rpartition('/')[2]}",
    )


def packaged_clip() -> Path | None:
    """The folder of the small CLIP that comes with the package; None where it is missing or incomplete."""
    folder = Path(__file__).parents[1] / "models" / TINY_CLIP
    return folder if _is_complete(folder) else None


def _is_complete(folder: Path) -> bool:
    return all(any((folder / name).is_file() for name in group) for group in _PARTS)
