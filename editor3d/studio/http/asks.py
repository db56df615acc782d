"""What the page sends."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from editor3d.options import Seed
from editor3d.service.jobs.requests import MAX_INSTRUCTION

Name = Annotated[str, Meta(max_length=200)]
Instruction = Annotated[str, Meta(max_length=MAX_INSTRUCTION)]


class Session(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The token of the address."""

    token: Name


class Open(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scene to be opened."""

    path: Annotated[str, Meta(max_length=4096)] = ""
    upload: Name = ""
    draft: bool | None = None


class Try(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An instruction that is tried."""

    entry: Name
    instruction: Instruction
    editor: Name = "auto"
    view: Name = ""
    seed: Seed = 42


class Edit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An edit of the scene that is shown."""

    instruction: Instruction
    editor: Name = "auto"
    seed: Seed = 42
    quick: bool = True
    region: Annotated[str, Meta(max_length=400)] = ""

    def settings(self) -> dict[str, Any]:
        """As the service takes them."""
        given = {"editor": self.editor, "seed": self.seed, "quick": self.quick}
        return given | ({"region": self.region} if self.region else {})


class Export(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file to be written."""

    entry: Name
    format: Literal["mesh", "pointcloud", "splats"] = "splats"
    suffix: Literal[".ply", ".spz", ".splat", ".glb", ".obj"] = ".ply"


class Select(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry of the history."""

    entry: Name
