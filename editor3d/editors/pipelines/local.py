"""What editors share whose model is a diffusers pipeline on this machine."""

from __future__ import annotations

from collections.abc import Collection

from editor3d.diffusion.loading import PipelineSource
from editor3d.editors import EDITORS
from editor3d.language.tokens import require_words
from editor3d.types import EditorInfo


class PipelineEditor:
    """Knows its entry in the registry, and refuses what cannot work before the model is loaded."""

    def __init__(self, model: PipelineSource) -> None:
        self._source = model

    @property
    def info(self) -> EditorInfo:
        return EDITORS[self._source.spec.name].info

    def validate(self, instruction: str, objects: Collection[str], views: Collection[str]) -> None:
        """Look for an instruction and for the weights; loads and downloads nothing.

        Raises:
            InstructionError: the instruction is empty.
            EditorUnavailableError: the weights are missing or incomplete; the text says how to get them.
        """
        require_words(instruction)
        self._source.locate()
