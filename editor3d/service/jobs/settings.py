"""What can be chosen of a job, by its kind: options of the commands that carry it out, by their names. What an edit, a
mesh or a refinement may be given is declared with its command's options, and taken from there."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import fields
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta, Struct

from editor3d.cli.mesh_options import MeshOptions
from editor3d.errors import shown
from editor3d.options import FAR, Count, EditOptions, Seed, Side, Vector, docs_of
from editor3d.programs.core.options import RefineLimits, RefineRequest
from editor3d.types import MAX_CAMERAS, MIN_CAMERAS

DECIDED = ("instruction", "garment", "output", "viewer")
"""Options that are no settings: a job has the first two elsewhere, and the service decides the others."""
Factor = Annotated[int, Meta(ge=1, le=64)]
_AXIS = re.compile(r"[+-]?[xyz]")
_TEXT = re.compile(r"[\w./][^\x00-\x1f\x7f;&|<>$`\ud800-\udfff]{0,400}")
"""Names, regions and paths; never a word that starts with a minus."""


class Settings(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What was chosen; None and a default leave it to the command."""

    def __post_init__(self) -> None:
        usual = {field.name: field.default for field in msgspec.structs.fields(self)}
        for name, value in msgspec.structs.asdict(self).items():
            if (
                value != usual[name]
                and isinstance(value, str)
                and not (_AXIS if name == "scene_up" else _TEXT).fullmatch(value)
            ):
                kind = "an axis (z, -y) or three numbers" if name == "scene_up" else "a name"
                raise ValueError(f"Expected {kind} for {name}, got {shown(value)}")
            if name in ("up", "front", "scene_up") and isinstance(value, tuple) and not any(value):
                raise ValueError(f"Expected a direction for {name}, got 0 0 0")

    def given(self) -> dict[str, Any]:
        """Those that were chosen, as JSON values."""
        return msgspec.to_builtins(self)


class File(Struct, frozen=True, forbid_unknown_fields=True):
    """A file or folder of this machine."""

    path: Annotated[str, Meta(description="Absolute.")]


def _struct(name: str, *sources: type, only: Collection[str] = (), base: type[Settings] = Settings) -> Any:
    """Settings that are options of commands besides those of `base`: of the same names, types, ranges and defaults.

    Args:
        sources: dataclasses of options.
        only: names of options; empty for all but those that are `DECIDED`.
    """
    options = []
    for source in sources:
        hints, docs = get_type_hints(source, include_extras=True), docs_of(source)
        for option in fields(source):
            if option.name in only if only else option.name not in DECIDED:
                kind = Annotated[hints[option.name], Meta(description=docs[option.name])]
                options.append((option.name, kind, option.default))
    return msgspec.defstruct(
        name, options, bases=(base,), module=__name__, frozen=True, kw_only=True, omit_defaults=True
    )


_MeshSettings: type[Settings] = _struct("_MeshSettings", MeshOptions)
_REFINED = ("editor", "objects", "breadth", "depth", "seed", "budget_seconds", "allow_weaker_sandbox")
_RefineSettings: type[Settings] = _struct("_RefineSettings", RefineRequest, RefineLimits, only=_REFINED)


class MeshSettings(_MeshSettings, frozen=True, kw_only=True, omit_defaults=True):
    """Flags of `editor3d mesh style`; a preview takes its own number of steps and views."""


class RefineSettings(_RefineSettings, frozen=True, kw_only=True, omit_defaults=True):
    """Flags of `editor3d refine`."""


class PictureSettings(Settings, frozen=True, kw_only=True, omit_defaults=True):
    """Flags of `editor3d preview` of a picture."""

    editor: str | None = None
    seed: Seed | None = None
    downscale_factor: Factor | None = None


class CameraSettings(Settings, frozen=True, kw_only=True, omit_defaults=True):
    """How large a scene's pictures are, and from where a file of splats is seen."""

    downscale_factor: Factor | None = None
    side: Side | None = None
    cameras: Annotated[int, Meta(ge=MIN_CAMERAS, le=MAX_CAMERAS)] | File | None = None
    scene_up: str | Vector | None = None
    center: Vector | None = None
    distance: Annotated[float, Meta(gt=0.0, lt=FAR)] | None = None


class PreviewSettings(CameraSettings, frozen=True, kw_only=True, omit_defaults=True):
    """Flags of `editor3d preview` of a scene."""

    editor: str | None = None
    seed: Seed | None = None


_EditSettings: type[CameraSettings] = _struct("_EditSettings", EditOptions, base=CameraSettings)


class SceneSettings(_EditSettings, frozen=True, kw_only=True, omit_defaults=True):
    """Options of an edit, and other flags of `editor3d edit` and `editor3d export`."""

    draft: bool = False
    format: Literal["auto", "mesh", "pointcloud", "splats", "none"] = "auto"


class ReconstructSettings(CameraSettings, frozen=True, kw_only=True, omit_defaults=True):
    """Flags of `editor3d reconstruct`."""

    method: str | None = None
    steps: Count | None = None
    draft: bool = False


class ExportSettings(Settings, frozen=True, kw_only=True, omit_defaults=True):
    """Flags of `editor3d export`, how the file's name ends, and the strength of an edit of splats."""

    format: Literal["mesh", "pointcloud", "splats", "video"] = "splats"
    suffix: Literal[".ply", ".spz", ".splat", ".glb", ".obj", ".mp4"] = ".ply"
    strength: Annotated[float, Meta(ge=0.0, le=1.0)] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.format == "video") != (self.suffix == ".mp4"):
            raise ValueError("Expected a video to end in .mp4, and nothing else")
        if self.strength != 1.0 and self.format != "splats":
            raise ValueError("Expected a strength for splats alone")
