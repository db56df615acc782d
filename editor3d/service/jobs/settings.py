"""What can be chosen of a job, by its kind. Options of an edit are those of `EditOptions`; others are flags of the
commands that carry a job out, by their names."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta, Struct

from editor3d.errors import shown
from editor3d.options import EditOptions, Scale, Seed, docs_of
from editor3d.types import MAX_CAMERAS, MAX_SIDE, MIN_CAMERAS

DECIDED = ("instruction", "garment", "output", "viewer")
"""Options of an edit that are no settings: a job has the first two elsewhere, and the service decides the others."""
Side = Annotated[int, Meta(ge=32, le=MAX_SIDE)]
Factor = Annotated[int, Meta(ge=1, le=64)]
Size = Annotated[int, Meta(ge=1, le=64)]
_FAR = 1e9
Coordinate = Annotated[float, Meta(gt=-_FAR, lt=_FAR)]
Vector = tuple[Coordinate, Coordinate, Coordinate]
_AXIS = re.compile(r"[+-]?[xyz]")
_TEXT = re.compile(r"[\w./][^\x00-\x1f\x7f;&|<>$`\ud800-\udfff]{0,400}")
"""Names, regions and paths; never a word that starts with a minus."""


class Settings(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What was chosen; None and a default leave it to the command."""

    def __post_init__(self) -> None:
        for name, value in msgspec.structs.asdict(self).items():
            if isinstance(value, str) and not (_AXIS if name == "scene_up" else _TEXT).fullmatch(value):
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


class MeshSettings(Settings, frozen=True, kw_only=True, omit_defaults=True):
    """Flags of `editor3d mesh style`; a preview takes its own number of steps and views."""

    editor: str | None = None
    steps: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    seed: Seed | None = None
    views: Annotated[int, Meta(ge=4, le=400)] | None = None
    side: Side | None = None
    texture_size: Annotated[int, Meta(ge=0, le=16_384)] | None = None
    displacement: Annotated[float, Meta(ge=0.0, le=1.0)] | None = None
    region: str | None = None
    up: Vector | None = None
    front: Vector | None = None
    guidance_scale: Scale | None = None
    image_guidance_scale: Scale | None = None


class RefineSettings(Settings, frozen=True, kw_only=True, omit_defaults=True):
    """Flags of `editor3d refine`."""

    editor: str | None = None
    breadth: Size | None = None
    depth: Size | None = None
    seed: Seed | None = None
    budget_seconds: Annotated[float, Meta(ge=1.0, le=86_400.0)] | None = None
    allow_weaker_sandbox: bool = False


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
    distance: Annotated[float, Meta(gt=0.0, lt=_FAR)] | None = None


class PreviewSettings(CameraSettings, frozen=True, kw_only=True, omit_defaults=True):
    """Flags of `editor3d preview` of a scene."""

    editor: str | None = None
    seed: Seed | None = None


def _options_of_edits() -> list[tuple[str, Any, Any]]:
    """The options of an edit as fields of a struct: names, types and defaults."""
    hints, docs = get_type_hints(EditOptions, include_extras=True), docs_of(EditOptions)
    return [
        (option.name, Annotated[hints[option.name], Meta(description=docs[option.name])], option.default)
        for option in fields(EditOptions)
        if option.name not in DECIDED
    ]


_EditSettings: type[CameraSettings] = msgspec.defstruct(  # pyright: ignore - it is what its bases are
    "_EditSettings",
    _options_of_edits(),
    bases=(CameraSettings,),
    module=__name__,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
)


class SceneSettings(_EditSettings, frozen=True, kw_only=True, omit_defaults=True):
    """Options of an edit, and other flags of `editor3d edit` and `editor3d export`."""

    draft: bool = False
    format: Literal["mesh", "pointcloud", "splats"] = "pointcloud"
