"""Find GroundingDINO and SAM on this machine. Looks at local files only; imports no torch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from editor3d.diffusion.weights import MODELS_VARIABLE, model_folders

DETECTORS = {"IDEA-Research/grounding-dino-base": "0.9 GB", "IDEA-Research/grounding-dino-tiny": "0.7 GB"}
SEGMENTERS = {
    "facebook/sam-vit-huge": "2.6 GB",
    "facebook/sam-vit-large": "1.2 GB",
    "facebook/sam-vit-base": "0.4 GB",
}
"""Hub ids and sizes of what is downloaded, looked for in this order: better ones first. Both are Apache-2.0."""
_SUGGESTED = "IDEA-Research/grounding-dino-tiny", "facebook/sam-vit-base"

# any one file of each group will do
_PARTS = (("config.json",), ("model.safetensors", "model.safetensors.index.json"))
_IMAGES = (("preprocessor_config.json", "processor_config.json"),)
_WORDS = (("tokenizer.json", "vocab.txt"),)


@dataclass(frozen=True)
class Finder:
    """A detector that finds words as boxes, and a segmenter that outlines what is in a box."""

    detector: str
    """Hub id."""
    segmenter: str
    detector_folder: Path
    segmenter_folder: Path

    def __str__(self) -> str:
        return f"{self.detector} and {self.segmenter}"

    def digest(self) -> str:
        """Hex digits of the content of both models' files."""
        made = hashlib.sha256()
        for folder in (self.detector_folder, self.segmenter_folder):
            for path in sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors", ".txt")):
                status = path.stat()
                made.update(f"{path.name} {_digest(path, status.st_mtime_ns, status.st_size)}\n".encode())
        return made.hexdigest()


def find_finder() -> Finder | None:
    """The first detector and segmenter below `$EDITOR3D_MODELS` or in the Hugging Face cache; None without both."""
    detector, segmenter = find_detector(), find_segmenter()
    if detector is None or segmenter is None:
        return None
    return Finder(detector[0], segmenter[0], detector[1], segmenter[1])


def find_detector() -> tuple[str, Path] | None:
    """Hub id and folder of the first complete GroundingDINO."""
    return _first(tuple(DETECTORS), _PARTS + _IMAGES + _WORDS)


def find_segmenter() -> tuple[str, Path] | None:
    """Hub id and folder of the first complete SAM."""
    return _first(tuple(SEGMENTERS), _PARTS + _IMAGES)


def how_to_get_finder() -> str:
    """One clause that says how the weights that are missing get onto this machine."""
    detector, segmenter = _SUGGESTED
    missing = [] if find_detector() else [(detector, DETECTORS[detector])]
    missing += [] if find_segmenter() else [(segmenter, SEGMENTERS[segmenter])]
    commands = [
        f"`hf download {hub_id} --include '*.json' --include '*.txt' --include '*.safetensors'` ({size})"
        for hub_id, size in missing
    ]
    folders = " and ".join(f"${MODELS_VARIABLE}/{hub_id.rpartition('/')[2]}" for hub_id, _ in missing)
    copied = "its folder" if len(missing) == 1 else "their folders"
    return f"run {' and '.join(commands)}, or copy {copied} to {folders}"


def _first(hub_ids: tuple[str, ...], parts: tuple[tuple[str, ...], ...]) -> tuple[str, Path] | None:
    for hub_id in hub_ids:
        for folder in model_folders(hub_id, "config.json"):
            if all(any((folder / name).is_file() for name in group) for group in parts):
                return hub_id, folder
    return None


@cache
def _digest(path: Path, mtime_ns: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
