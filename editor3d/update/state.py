"""The state of an interrupted edit: counters, the random generator, and the edited pictures on disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, PngImagePlugin
from torch import Tensor

from editor3d.errors import CheckpointError
from editor3d.files.safe_open import UNREADABLE, open_picture
from editor3d.files.writing import replacing
from editor3d.run.record import Edit2D

_REQUEST_KEY = "editor3d-request"


@dataclass
class EditState:
    """Everything about an edit that changes while it runs, but for the scene itself."""

    generator: torch.Generator
    cursor: int = 0
    """Views handed out so far."""
    revisions: dict[str, int] = field(default_factory=dict)
    """The number of the edit that made each view's picture; a view that is trained on as it was is not in it."""
    edits: list[Edit2D] = field(default_factory=list)
    calls: int = 0
    """Calls of the editor so far; one may edit several pictures, or none well."""

    def state_dict(self) -> dict[str, Any]:
        """Plain values and one tensor, for a checkpoint."""
        return {
            "generator": self.generator.get_state(),
            "cursor": self.cursor,
            "revisions": dict(self.revisions),
            "edits": [asdict(edit) for edit in self.edits],
            "calls": self.calls,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.generator.set_state(state["generator"])
        self.cursor = state["cursor"]
        self.revisions = dict(state["revisions"])
        self.edits = [Edit2D(**edit) for edit in state["edits"]]
        self.calls = state["calls"]


class PictureStore:
    """Edited pictures on disk, one PNG a revision, each carrying the request it answers.

    Revisions are numbered through a whole edit: a picture that a checkpoint names is never written over. Pictures of
    later revisions, left by a run that was killed, are reused where the request is the same and overwritten otherwise.
    Pictures that no checkpoint can name any more are removed by `prune`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, view: str, revision: int) -> Path:
        return self.folder / f"{view}.{revision}.png"

    def write(self, view: str, revision: int, picture: Tensor, request: Mapping[str, Any]) -> None:
        """Write a picture [H, W, 3] uint8, whole or not at all."""
        info = PngImagePlugin.PngInfo()
        info.add_text(_REQUEST_KEY, json.dumps(request, sort_keys=True))
        with replacing(self.path(view, revision)) as path:
            # level 1: written while the scene waits, and deleted soon after
            Image.fromarray(picture.numpy()).save(path, format="png", pnginfo=info, compress_level=1)

    def find(self, view: str, revision: int, request: Mapping[str, Any]) -> Tensor | None:
        """The stored answer to `request`, if there is one."""
        try:
            with open_picture(self.path(view, revision), ("PNG",)) as picture:
                if picture.info.get(_REQUEST_KEY) == json.dumps(request, sort_keys=True):
                    return torch.from_numpy(np.array(picture))
        except UNREADABLE:
            pass  # missing or cut short: edit again
        return None

    def read(self, view: str, revision: int) -> Tensor:
        """A picture [H, W, 3] uint8.

        Raises:
            CheckpointError: it is missing or damaged.
        """
        path = self.path(view, revision)
        try:
            with open_picture(path, ("PNG",)) as picture:
                return torch.from_numpy(np.array(picture))
        except UNREADABLE as error:
            raise CheckpointError(
                f"Expected the edited picture {path} that the checkpoint names, found none that can be read ({error}): "
                f"the run cannot be resumed; start the edit again."
            ) from error

    def prune(self, revisions: Mapping[str, int], newest: int) -> None:
        """Remove what was left unfinished, and pictures up to the revision `newest` that are not among `revisions`."""
        named = {self.path(view, revision) for view, revision in revisions.items()}
        for path in self.folder.rglob("*.png"):
            unfinished = path.name.endswith(".tmp.png")
            if unfinished or (path not in named and int(path.stem.rpartition(".")[2]) <= newest):
                path.unlink()

    def publish(self, revisions: Mapping[str, int], folder: Path) -> None:
        """Copy the given revisions to `folder` as `<view>.png`."""
        for view, revision in revisions.items():
            target = folder / f"{view}.png"
            with replacing(target) as path:
                shutil.copyfile(self.path(view, revision), path)
