"""Find model weights on this machine. Looks at local files only; imports neither torch nor diffusers."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

MODELS_VARIABLE = "EDITOR3D_MODELS"
"""Environment variable that names a folder of diffusers folders: `<org>/<name>` or `<name>` below it."""

IP2P_HUB_ID = "timbrooks/instruct-pix2pix"

PACKAGED = "editor3d"
"""Hub ids of this owner are folders that come with the package: `editor3d/NAME` is `editor3d/models/NAME`."""


@dataclass(frozen=True)
class HubModel:
    """What is known of a model on the hub without asking it."""

    license: str
    download: str
    """Size of what is downloaded."""
    gated: bool = False
    """Its licence must be accepted on the hub, and `hf auth login` done, before it can be downloaded."""


HUB_MODELS: dict[str, HubModel] = {
    IP2P_HUB_ID: HubModel("code MIT; weights CreativeML OpenRAIL-M", "2.1 GB in half precision, 4.3 GB in full"),
    "diffusers/sdxl-instructpix2pix-768": HubModel("CreativeML OpenRAIL++-M", "about 14 GB"),
    "black-forest-labs/FLUX.2-klein-4B": HubModel("Apache-2.0", "about 16 GB"),
    "black-forest-labs/FLUX.1-Kontext-dev": HubModel("FLUX.1 dev, non-commercial", "about 34 GB", gated=True),
    "black-forest-labs/FLUX.1-Fill-dev": HubModel("FLUX.1 dev, non-commercial", "about 34 GB", gated=True),
    "Qwen/Qwen-Image-Edit": HubModel("Apache-2.0", "about 58 GB"),
    "Qwen/Qwen-Image-Edit-2509": HubModel("Apache-2.0", "about 58 GB"),
    "stable-diffusion-v1-5/stable-diffusion-inpainting": HubModel(
        "CreativeML OpenRAIL-M", "2.1 GB in half precision, 4.3 GB in full"
    ),
    "diffusers/stable-diffusion-xl-1.0-inpainting-0.1": HubModel(
        "CreativeML OpenRAIL++-M", "7 GB in half precision, 14 GB in full"
    ),
    "stable-diffusion-v1-5/stable-diffusion-v1-5": HubModel(
        "CreativeML OpenRAIL-M", "2.1 GB in half precision, 4.3 GB in full"
    ),
}
"""The models that editors and guidance load by default. Sizes are what the parameters take at the published
precision."""

_NOT_LOADED = frozenset(["safety_checker", "feature_extractor", "image_encoder"])
_WEIGHTLESS = ("Tokenizer", "TokenizerFast", "Scheduler", "Processor", "ProcessorFast", "Extractor")


def is_hub_id(source: str) -> bool:
    """Whether weights are named as `org/name` on the Hugging Face hub, and not as a folder that is there."""
    return re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", source) is not None and not Path(source).exists()


def find_weights(hub_id: str) -> Path | None:
    """Find a complete diffusers folder: below `$EDITOR3D_MODELS`, else in the Hugging Face cache.

    Args:
        hub_id: `org/name` on the Hugging Face hub.
    """
    for folder in model_folders(hub_id):
        if not missing_parts(folder):
            return folder
    return None


def how_to_get(hub_id: str) -> str:
    """One clause that says how the weights get onto this machine."""
    owner, _, name = hub_id.rpartition("/")
    if owner == PACKAGED:
        return "they come with the package: reinstall it"
    known = HUB_MODELS.get(hub_id)
    size = f" ({known.download})" if known else ""
    first = f"accept the licence at https://huggingface.co/{hub_id}, `hf auth login`, " if known and known.gated else ""
    return (
        f"{first}run `hf download {hub_id} --include '*.json' --include '*.txt' --include '*.jinja' --include "
        f"'*/*.safetensors' --exclude 'safety_checker/*'`{size}, or copy its diffusers folder to "
        f"${MODELS_VARIABLE}/{name}"
    )


def missing_parts(folder: Path) -> list[str]:
    """What a diffusers folder lacks to be loaded: file names, relative to it; empty when it is complete.

    Complete are a readable `model_index.json` and, for each component it names, the component's folder with, where the
    component has weights, all safetensors of one variant (plain or fp16). The safety checker is not needed.
    """
    components = _components(folder)
    if components is None:
        return ["model_index.json"]
    missing = [f"{name}/" for name in components if not (folder / name).is_dir()]
    for name, has_weights in components.items():
        if has_weights and not (_has_weights(folder / name, None) or _has_weights(folder / name, "fp16")):
            missing.append(f"{name}/*.safetensors")
    return missing


def carried_code(folder: Path) -> Path | None:
    """A program where diffusers looks for classes of a model's own: beside `model_index.json`, or with a component."""
    return next(iter(sorted([*folder.glob("*.py"), *folder.glob("*/*.py")])), None)


def choose_variant(folder: Path, half_precision: bool) -> str | None:
    """The variant to load from a complete folder: fp16 where it is wanted or nothing else is there, else None."""
    weighted = [folder / name for name, has_weights in (_components(folder) or {}).items() if has_weights]
    has_half = any(_has_weights(part, "fp16") for part in weighted)
    has_full = all(_has_weights(part, None) for part in weighted)
    return "fp16" if has_half and (half_precision or not has_full) else None


def model_folders(hub_id: str, file: str = "model_index.json") -> list[Path]:
    """Where a model may be, whether complete or not: below `$EDITOR3D_MODELS`, then in the Hugging Face cache.

    Args:
        file: the one by which a model is known in the cache; `config.json` for those of transformers.
    """
    owner, _, name = hub_id.rpartition("/")
    if owner == PACKAGED:
        return [Path(__file__).parents[1] / "models" / name]
    folders: list[Path] = []
    models = os.environ.get(MODELS_VARIABLE)
    if models:
        root = Path(models).expanduser()
        folders += [root / hub_id, root / name]
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(hub_id, file)
    if isinstance(cached, str):
        folders.append(Path(cached).parent)
    return folders


def _components(folder: Path) -> dict[str, bool] | None:
    """Component name -> whether it has weights; None where `model_index.json` is missing or broken."""
    try:
        index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(index, dict):
        return None
    return {
        name: not value[1].endswith(_WEIGHTLESS)
        for name, value in index.items()
        if isinstance(value, list) and len(value) == 2 and isinstance(value[1], str) and name not in _NOT_LOADED
    }


def _has_weights(folder: Path, variant: str | None) -> bool:
    """Whether a component has all safetensors of a variant, in one file or in shards with an index."""
    middle = f".{variant}" if variant else ""
    for stem in ("diffusion_pytorch_model", "model"):
        if (folder / f"{stem}{middle}.safetensors").is_file():
            return True
        for index in (
            folder / f"{stem}.safetensors.index{middle}.json",
            folder / f"{stem}{middle}.safetensors.index.json",
        ):
            try:
                shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            except (OSError, ValueError, KeyError):
                continue
            if all((folder / shard).is_file() for shard in shards):
                return True
    return False
