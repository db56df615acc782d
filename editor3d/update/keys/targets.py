"""The pictures that all views are trained on in an edit by keys, with the weights of their pixels, on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from editor3d.errors import CheckpointError
from editor3d.files.safe_open import UNREADABLE, open_picture
from editor3d.files.writing import replacing


class TargetStore:
    """One PNG a view and round, whose alpha is the weight. Rounds that no checkpoint names any more are removed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, view: str, round_: int) -> Path:
        return self.folder / f"{view}.{round_}.png"

    def write(self, view: str, round_: int, picture: Tensor, weight: Tensor) -> None:
        """Write a picture [H, W, 3] uint8 and its weight [H, W] uint8, whole or not at all."""
        pixels = torch.cat([picture, weight[..., None]], -1).numpy()
        with replacing(self.path(view, round_)) as path:
            Image.fromarray(pixels).save(path, format="png", compress_level=1)

    def read(self, view: str, round_: int) -> tuple[Tensor, Tensor]:
        """A picture [H, W, 3] uint8 and its weight [H, W] uint8.

        Raises:
            CheckpointError: it is missing or damaged.
        """
        path = self.path(view, round_)
        try:
            with open_picture(path, ("PNG",)) as picture:
                pixels = torch.from_numpy(np.array(picture))
        except UNREADABLE as error:
            raise CheckpointError(
                f"Expected the picture {path} that the checkpoint names, found none that can be read ({error}): the "
                f"run cannot be continued; start the edit again."
            ) from error
        return pixels[..., :3].contiguous(), pixels[..., 3].contiguous()

    def prune(self, round_: int) -> None:
        """Remove what was left unfinished, and all rounds but this one."""
        for path in self.folder.rglob("*.png"):
            if path.name.endswith(".tmp.png") or int(path.stem.rpartition(".")[2]) != round_:
                path.unlink()
