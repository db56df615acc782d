"""A refined scene, as its results show it: the render before and after, the best program and the changed scene."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from editor3d.metrics.image import psnr
from editor3d.programs.core.contracts import Candidate, RenderSettings
from editor3d.programs.core.options import RefineRequest
from editor3d.programs.imagination import VIEW
from editor3d.programs.report import REPORT

METHOD = "refine"
BEST, SCENE = "best.py", "result.blend"
WriteScene = Callable[[Candidate, Candidate, Path], dict[str, Any]]
"""Writes a .blend file with what the best program, the second one, changes; gives what the record says of it."""


@dataclass(frozen=True)
class RenderedView:
    """The view through the scene's camera."""

    width: int
    height: int
    name: str = VIEW


class ShownRefinement:
    """`editor3d.run.results.Shown` of a refinement.

    Args:
        request: with every `auto` resolved.
        settings: how candidates are rendered.
        write_scene: writes the scene with the best program's changes; None leaves it out.
    """

    def __init__(self, request: RefineRequest, settings: RenderSettings, write_scene: WriteScene | None) -> None:
        self._request, self.write_scene = request, write_scene
        self.views = (RenderedView(settings.width, settings.height),)
        self.first: Candidate | None = None
        """The program as it was given."""
        self.best: Candidate | None = None
        self.target: np.ndarray | None = None
        """[H, W, 3] uint8, the picture to match, where there is one."""
        self.scene: dict[str, Any] | None = None
        """What the record says of `result.blend`."""
        self.notes: dict[str, Any] = {}
        """What the record says of the search."""

    @property
    def title(self) -> str:
        return self._request.instruction

    def render(self, *, edited: bool) -> Iterable[Tensor]:
        tried = self.best if edited else self.first
        assert tried is not None
        return [torch.from_numpy(tried.image).float() / 255.0]

    def turntable(self, frames: int) -> Iterable[Tensor]:
        """There is one camera, the scene's own."""
        return ()

    def publish(self, folder: Path) -> None:
        """No picture of a capture was edited."""

    def export(self, folder: Path) -> None:
        self.scene = None
        if self.write_scene is not None and self.first is not None and self.best is not None:
            self.scene = self.write_scene(self.first, self.best, folder / SCENE)

    def exported(self, folder: Path) -> Sequence[tuple[str, Path]]:
        made = [("Program", folder / BEST), ("Picture", folder / "best.png"), ("Report", folder / REPORT)]
        return [*made, ("Scene", folder / SCENE)] if self.scene is not None and self.scene["file"] else made

    def record(self) -> dict[str, Any]:
        request = self._request
        return {
            "instruction": request.instruction,
            "method": METHOD,
            "editor": str(request.proposer),
            "editor_reason": "writes the candidates",
            "origin": "rule" if request.proposer == "embedded" else "model",
            "seed": request.seed,
            "data": str(request.scene),
            "base": str(request.program),
            "notes": {**self.notes, "result": self.scene},
        }

    def metrics(self, before: Sequence[Tensor], after: Sequence[Tensor]) -> dict[str, Any]:
        """How far the render was changed and how near it came to the target, dB, and the losses of both programs."""
        nearness = {}
        if self.target is not None:
            target = torch.from_numpy(self.target).float() / 255.0
            nearness = {"target_psnr_before": psnr(before[0], target), "target_psnr_after": psnr(after[0], target)}
        return {
            **nearness,
            "edited_to_base_psnr": psnr(after[0], before[0]),
            "loss_before": None if self.first is None else self.first.loss,
            "loss_after": None if self.best is None else self.best.loss,
        }
