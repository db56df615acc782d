"""Make the target of a search: a 2D editor edits the present render as the instruction says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from editor3d.errors import InstructionError

VIEW = "render"
"""The picture's name for the editor; `folder:DIR` looks for render.png."""


@dataclass(frozen=True)
class Imagined:
    """An instruction's edit of a render."""

    image: np.ndarray
    """[H, W, 3] uint8 sRGB."""
    editor: str
    """The editor, as a request names it, and why it was chosen."""


class Imagination:
    """One 2D editor of the project's registry."""

    def __init__(self, editor: str, instruction: str, objects: Collection[str] = ()) -> None:
        """Make the editor and let it look at the instruction; no picture is edited yet.

        Args:
            editor: `auto`, or as `editor3d list editors` names it.
            instruction: what to change.
            objects: names of objects that it may be about, and that `imagine` may be given masks of.

        Raises:
            InstructionError: empty, or not understood by the editor; the text lists what is.
            EditorUnavailableError: weights, a package or pictures are missing.
            ConfigError: there is no such editor.
        """
        from editor3d.audit.policy import require_allowed
        from editor3d.editors import create_editor, resolve_auto

        self.spec, self.reason = resolve_auto() if editor == "auto" else (editor, "as requested")
        if not instruction.strip() and not self.spec.startswith("folder"):
            raise InstructionError("Expected an instruction or a target picture, got neither: give one.")
        self._editor = create_editor(self.spec)
        require_allowed(instruction)
        self._editor.validate(instruction, tuple(objects) if self._editor.info.edits_objects else (), (VIEW,))
        self._instruction = instruction

    @property
    def tells_objects(self) -> bool:
        """Whether the editor can tell what an instruction is about."""
        return self._editor.info.tells_objects

    def edited_objects(self, objects: Collection[str]) -> tuple[str, ...]:
        """Those of the objects that the instruction is about; none where it is about the whole picture."""
        from editor3d.update.instruction import edited_objects

        return edited_objects(self._editor, self._instruction, objects)

    def imagine(self, image: np.ndarray, seed: int, masks: Mapping[str, np.ndarray] | None = None) -> Imagined:
        """Edit one render [H, W, 3] uint8.

        Args:
            masks: [H, W] bool by name, of the objects that the edit is about; None where it is about all.
        """
        import torch

        from editor3d.outputs.pictures import to_uint8
        from editor3d.types import EditRequest

        condition = torch.from_numpy(image).float() / 255.0
        request = EditRequest(
            VIEW,
            self._instruction,
            condition=condition,
            render=condition if self._editor.info.uses_render else None,
            seed=seed,
        )
        if masks is not None:
            tensors = {name: torch.from_numpy(mask) for name, mask in masks.items()}
            if self._editor.info.edits_objects:
                request = replace(request, objects=tensors)
            if self._editor.info.accepts_mask:
                request = replace(request, mask=torch.stack(list(tensors.values())).any(dim=0))
        return Imagined(to_uint8(self._editor.edit(request)), f"{self.spec} ({self.reason})")
