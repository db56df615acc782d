"""Try-on by an image-edit service that gets the pictures of the person and of the garment."""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import replace

from editor3d.editors.services.client import File
from editor3d.editors.services.editor import ServiceEditor
from editor3d.editors.services.settings import ServiceSettings
from editor3d.editors.try_on.models import garment_of, instruction_of, shown_garment
from editor3d.types import EditorInfo, EditRequest


class TryOnServiceEditor(ServiceEditor):
    """As `ServiceEditor`, with the garment as second picture under the key `image[]`."""

    NAME = "service-try-on"

    @property
    def info(self) -> EditorInfo:
        return replace(super().info, references=0, max_side=None)

    def validate(self, instruction: str, objects: Collection[str], views: Collection[str]) -> None:
        """As `ServiceEditor.validate`; the instruction may be empty."""
        super().validate(instruction or "dress", objects, views)

    def _pictures(self, request: EditRequest, picture: File) -> tuple[File, ...]:
        """
        Raises:
            ConfigError: the request carries no garment.
        """
        buffer = io.BytesIO()
        shown_garment(garment_of(request)).save(buffer, "PNG", compress_level=1)
        return picture, ("garment.png", buffer.getvalue(), "image/png")

    def _prompt(self, request: EditRequest) -> str:
        return instruction_of(request)


def create(argument: str = "") -> TryOnServiceEditor:
    """The editor, with its settings from the environment; see `editor3d.editors.services.editor.create`."""
    return TryOnServiceEditor(ServiceSettings.from_environment(argument))
