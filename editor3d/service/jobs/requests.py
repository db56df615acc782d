"""Check a client's request: a job is a kind of work, its inputs and a few settings."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

import msgspec
from msgspec import Meta, Struct

from editor3d.errors import ConfigError, shown
from editor3d.options import EditOptions, options_from
from editor3d.service.jobs.settings import (
    DECIDED,
    CameraSettings,
    ExportSettings,
    File,
    MeshSettings,
    PictureSettings,
    PreviewSettings,
    ReconstructSettings,
    RefineSettings,
    SceneSettings,
    Settings,
)

MAX_INSTRUCTION = 2000
PICTURES = (".png", ".jpg", ".jpeg")
SUFFIXES = {
    "mesh": (".glb", ".ply", ".obj", ".stl", ".off"),
    "picture": PICTURES,
    "target": PICTURES,
    "garment": PICTURES,
    "blend": (".blend",),
    "program": (".py",),
}
"""How a file given as an input ends; a scene may also be a folder."""


class Source(Struct, frozen=True, forbid_unknown_fields=True):
    """An input: an upload, or what lies on this machine."""

    upload: str | None = None
    path: Annotated[str, Meta(description="Absolute, or the word demo for a scene.")] | None = None

    def __post_init__(self) -> None:
        if (self.upload is None) == (self.path is None):
            raise ValueError('Expected {"upload": ID} or {"path": "/…"} for each input')


class Inputs(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a job works on."""


class MeshInputs(Inputs, frozen=True, kw_only=True):
    """A mesh."""

    mesh: Source


class SceneInputs(Inputs, frozen=True, kw_only=True):
    """A capture, a run or a file of splats, and for gaussian-vton the picture of a garment."""

    scene: Source
    garment: Source | None = None


class PreviewInputs(Inputs, frozen=True, kw_only=True):
    """A capture or a file of splats."""

    scene: Source


class RunInputs(Inputs, frozen=True, kw_only=True):
    """The folder of a run."""

    run: Source


class PictureInputs(Inputs, frozen=True, kw_only=True):
    """A picture."""

    picture: Source


class RefineInputs(Inputs, frozen=True, kw_only=True):
    """A .blend file, the program to start from, and a picture to match."""

    blend: Source
    program: Source
    target: Source | None = None


class Work(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What every job says."""

    inputs: Inputs
    settings: Settings


class Job(Work, frozen=True, kw_only=True):
    """What every job that changes something says."""

    instruction: Annotated[str, Meta(max_length=MAX_INSTRUCTION, description="What is to change, in one sentence.")]

    def __post_init__(self) -> None:
        if not self.instruction.strip() or any(ord(c) < 32 for c in self.instruction.strip()):
            said = f"Expected an instruction of one line, got {shown(self.instruction)}"
            raise ValueError(f"{said}; say in one sentence what should change")


class MeshJob(Job, frozen=True, kw_only=True, tag="mesh"):
    """Restyle a mesh."""

    inputs: MeshInputs
    settings: MeshSettings = MeshSettings()


class MeshPreviewJob(Job, frozen=True, kw_only=True, tag="mesh-preview"):
    """Edit a few views of a mesh in 2D."""

    inputs: MeshInputs
    settings: MeshSettings = MeshSettings()


class SceneJob(Job, frozen=True, kw_only=True, tag="scene"):
    """Edit a capture, a run or a file of splats, and export it."""

    inputs: SceneInputs
    settings: SceneSettings = SceneSettings()  # pyright: ignore[reportInvalidTypeForm]  # made of the options


class ScenePreviewJob(Job, frozen=True, kw_only=True, tag="scene-preview"):
    """Edit a few views of a scene in 2D."""

    inputs: PreviewInputs
    settings: PreviewSettings = PreviewSettings()


class PicturePreviewJob(Job, frozen=True, kw_only=True, tag="picture-preview"):
    """Edit a picture."""

    inputs: PictureInputs
    settings: PictureSettings = PictureSettings()


class RefineJob(Job, frozen=True, kw_only=True, tag="refine"):
    """Change a .blend file by a program."""

    inputs: RefineInputs
    settings: RefineSettings = RefineSettings()


class ReconstructJob(Work, frozen=True, kw_only=True, tag="reconstruct"):
    """Reconstruct a capture, or find the reconstruction that was kept; make a file of splats a run."""

    inputs: PreviewInputs
    settings: ReconstructSettings = ReconstructSettings()


class ExportJob(Work, frozen=True, kw_only=True, tag="export"):
    """Write the scene of a run as a file for other programs."""

    inputs: RunInputs
    settings: ExportSettings = ExportSettings()


AnyJob = (
    MeshJob | MeshPreviewJob | SceneJob | ScenePreviewJob | PicturePreviewJob | RefineJob | ReconstructJob | ExportJob
)
KINDS: tuple[str, ...] = tuple(str(job.__struct_config__.tag) for job in get_args(AnyJob))
_decoder = msgspec.json.Decoder(AnyJob)


@dataclass(frozen=True)
class JobRequest:
    """One job as it was requested."""

    kind: str
    instruction: str
    inputs: Mapping[str, Path]
    """Files on this machine; uploads stand here as the files that they were stored in."""
    settings: Settings
    options: EditOptions | None = None
    """The options of an edit of a scene."""


def parse_request(body: bytes, uploads: Mapping[str, Path]) -> JobRequest:
    """Check what a client sent.

    Args:
        body: one of `AnyJob` as JSON.
        uploads: files by the ids under which they were uploaded.

    Raises:
        ConfigError: something is missing, unknown or out of range; the text names it.
    """
    try:
        job = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise ConfigError(_sentence(str(error), body)) from error
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ConfigError(f"Expected a job as JSON, got something else ({error}): check what is sent.") from error
    given: dict[str, Source | None] = msgspec.structs.asdict(job.inputs)
    inputs = {name: _input(name, source, uploads) for name, source in given.items() if source is not None}
    settings, instruction = job.settings, job.instruction.strip() if isinstance(job, Job) else ""
    if isinstance(settings, CameraSettings) and isinstance(settings.cameras, File):
        _existing("cameras", settings.cameras.path)
    options = None
    if isinstance(job, SceneJob):
        chosen = {name: value for name, value in settings.given().items() if name in _EDIT_OPTIONS}
        garment = {"garment": str(inputs["garment"])} if "garment" in inputs else {}
        options = options_from({"instruction": instruction, **garment, **chosen})
    return JobRequest(str(job.__struct_config__.tag), instruction, inputs, settings, options)


_EDIT_OPTIONS = frozenset(EditOptions.__dataclass_fields__) - frozenset(DECIDED)


def _input(name: str, source: Source, uploads: Mapping[str, Path]) -> Path:
    if source.upload is not None:
        if source.upload not in uploads:
            raise ConfigError(f"There is no upload {shown(source.upload)} for {name}: send the file first.")
        path = uploads[source.upload]
    elif name == "scene" and source.path == "demo":
        return Path("demo")
    else:
        path = _existing(name, source.path or "")
    suffixes = SUFFIXES.get(name)
    if suffixes and path.suffix.lower() not in suffixes:
        raise ConfigError(f"Expected a file that ends in {' or '.join(suffixes)} for {name}, got {path.name}.")
    return path


def _existing(name: str, text: str) -> Path:
    path = Path(text)
    if not path.is_absolute() or "\0" in text:
        raise ConfigError(f"Expected an absolute path for {name}, got {shown(text)}.")
    if not os.path.exists(path):  # also where it is too long, or hidden from this user: `Path.exists` raises then
        raise ConfigError(f"There is no {path}: check the path of {name}.")
    return path


_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "nothing",
}
_TOLD = re.compile(r"(.*?)(?: - at `\$([\w.\[\]]*)`)?", re.DOTALL)
"""What msgspec says, and where."""
_SEE = "/openapi.json describes what a job takes"


def _sentence(text: str, body: bytes) -> str:
    """What msgspec says of a job that is none, with what came in its place."""
    found = _TOLD.fullmatch(text)
    said, place = (text, "") if found is None else (found[1], (found[2] or "").lstrip("."))
    for begin, verb in (("Object missing required field `", "lacks"), ("Object contains unknown field `", "takes no")):
        if said.startswith(begin):
            name = shown(said.removeprefix(begin)[:-1])  # as a client wrote it: of any length, with line ends
            return f"Expected a job as /openapi.json describes it, but {place or 'it'} {verb} {name}: correct it."
    if place == "kind":
        said = f"Expected one of {', '.join(KINDS)}"
    elif said.startswith("Invalid enum value"):
        said = "Expected another value"
    elif not re.match(r"Expected `|Number ", said):  # of `__post_init__`, which says all
        return f"{said}: {_SEE}."
    said = re.sub(r"`([^`]*)`", lambda found: " or ".join(_TYPES[one] for one in found[1].split(" | ")), said)
    return f"{said.partition(', got ')[0]} for {place or 'a job'}{_got(place, body)}: {_SEE}."


def _got(place: str, body: bytes) -> str:
    """What stands at a place of a body; empty where that is not found."""
    try:
        value: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError):  # what was wrong came before that
        return ""
    for name in place.split(".") if place else ():
        name = name.partition("[")[0]  # a list is shown as a whole
        if not isinstance(value, dict) or name not in value:
            return ""
        value = value[name]
    return f", got {shown(value)}"
