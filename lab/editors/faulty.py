"""An editor with planted faults: one edit in five is of another style, blurred or nothing, and it is known which.

from editor3d.editors import EDITORS
EDITORS["faulty"] = FAULTY                       # then: --editor faulty, or faulty:EDITOR
planted_fault("train_07", seed=41)               # "blur", "style", "nothing" or ""
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace
from typing import Any, Literal, get_args

import cv2
import torch
from torch import Tensor

from editor3d.datasets.views.images import united
from editor3d.editors import create_editor, find_entry
from editor3d.editors.procedural.editor import ProceduralEditor, blend_inside
from editor3d.types import Editor, EditorInfo, EditRequest
from editor3d.update.instruction import edited_objects

Fault = Literal["style", "blur", "nothing"]
SHARE = 0.2
"""Of edits that have a fault."""
BLUR = 0.02
"""Standard deviation of the blur, as a share of the shorter side."""
STYLES = ("make it sepia", "turn it into a comic", "make it night", "make it black and white")
"""What a wrong style is drawn from, the one asked for apart."""


def planted_fault(view: str, seed: int) -> Fault | Literal[""]:
    """The fault of the edit of a view by a seed; empty for a good one. Another seed is another draw."""
    generator = _generator(view, seed)
    if float(torch.rand((), generator=generator)) >= SHARE:
        return ""
    return get_args(Fault)[int(torch.randint(len(get_args(Fault)), (), generator=generator))]


class FaultyEditor:
    """Another editor whose edits have `planted_fault`."""

    def __init__(self, editor: Editor) -> None:
        self._editor = editor
        self._styles = ProceduralEditor()

    @property
    def info(self) -> EditorInfo:
        own = find_entry("faulty").info
        changed = {"varies_with_seed": True, "effortless": False, "uses_geometry": False}
        return replace(self._editor.info, name=own.name, summary=own.summary, **changed)

    def validate(self, instruction: str, objects: Collection[str], views: Collection[str]) -> None:
        """As the other editor's."""
        self._editor.validate(instruction, objects, views)

    def edited_objects(self, instruction: str, objects: Collection[str]) -> tuple[str, ...]:
        """As the other editor's; none where it cannot tell."""
        return edited_objects(self._editor, instruction, objects)

    def edit(self, request: EditRequest) -> Tensor:
        """As the other editor's, but for the fault, which keeps to the named objects as the edit does."""
        fault = planted_fault(request.view, request.seed)
        if not fault:
            return self._editor.edit(request)
        condition = request.condition.detach().to("cpu", torch.float32)
        if fault == "nothing":
            return condition.to(request.condition.device)
        bad = self._restyled(request) if fault == "style" else _blurred(self._editor.edit(request).cpu())
        mask = united(request.objects, self.edited_objects(request.instruction, request.objects))
        if mask is not None:
            bad = blend_inside(condition, bad, mask)
        return bad.to(request.condition.device)

    def _restyled(self, request: EditRequest) -> Tensor:
        """The picture in a style that nobody asked for."""
        others = [style for style in STYLES if not set(style.split()[-1:]) & set(request.instruction.lower().split())]
        chosen = int(torch.randint(len(others), (), generator=_generator(f"style of {request.view}", request.seed)))
        return self._styles.edit(EditRequest(request.view, others[chosen], request.condition)).cpu()


def create(argument: str = "procedural", **options: Any) -> FaultyEditor:
    """The editor.

    Args:
        argument: the other editor, `NAME` or `NAME:ARGUMENT`.
        options: `device`, `half_precision` and `cpu_offload` of `create_editor`.
    """
    return FaultyEditor(create_editor(argument, **options))


def _generator(text: str, seed: int) -> torch.Generator:
    digest = hashlib.sha256(f"{seed} {text}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


def _blurred(picture: Tensor) -> Tensor:
    sigma = BLUR * min(picture.shape[:2])
    return torch.from_numpy(cv2.GaussianBlur(picture.contiguous().numpy(), (0, 0), sigma))
