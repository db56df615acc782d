"""What the page sends."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request

from editor3d.options import Seed
from editor3d.service.http import limits
from editor3d.service.http.answers import Refusal
from editor3d.service.http.bounds import require_length
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


class Mark(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line on a frame of the scene."""

    entry: Name
    c2w: Annotated[list[float], Meta(min_length=12, max_length=12)]
    fov: float
    width: Annotated[int, Meta(ge=1, le=2048)]
    height: Annotated[int, Meta(ge=1, le=2048)]
    pixels: Annotated[list[tuple[float, float]], Meta(min_length=1, max_length=2000)]


class Stroke(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Points of the capture's frame, on what is chosen or on what is not."""

    points: Annotated[list[tuple[float, float, float]], Meta(min_length=1, max_length=1000)]
    inside: bool = True


class Choose(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may change: strokes, or a region in words."""

    entry: Name
    strokes: Annotated[list[Stroke], Meta(max_length=200)] = []
    region: Annotated[str, Meta(max_length=400)] = ""


class Export(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file to be written."""

    entry: Name
    format: Literal["mesh", "pointcloud", "splats", "video"] = "splats"
    suffix: Literal[".ply", ".spz", ".splat", ".glb", ".obj", ".mp4"] = ".ply"
    strength: Annotated[float, Meta(ge=0.0, le=1.0)] = 1.0


class Select(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry of the history."""

    entry: Name


async def body_of(request: Request, kind: type) -> Any:
    """What a request's body says.

    Raises:
        Refusal: it is too long, or something else.
    """
    require_length(request.headers, limits.MAX_JSON)
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError, UnicodeError) as error:
        raise Refusal(400, f"Expected what the page sends, got something else ({error}): reload the page.") from error
