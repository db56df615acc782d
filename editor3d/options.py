"""The options of an edit, declared once.

The fields, their types and their docstrings are the flags and the help of `editor3d edit` and `ns-train METHOD`, the
parameters of `Scene.edit`, and the JSON schema of a job's settings. To add an option, add a field. Imports no torch.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Concatenate, Literal, ParamSpec, TypeVar

import docstring_parser
import msgspec

from editor3d.errors import ConfigError, shown
from editor3d.types import MAX_SIDE, Condition

ScheduleChoice = Literal["auto", "cyclic", "all-at-once", "all-then-cyclic", "spread"]
NoiseChoice = Literal["auto", "uniform", "decaying", "sqrt", "high"]
Count = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]
Edits = Count | Literal["auto", "all"]
Scale = Annotated[float, msgspec.Meta(ge=0.0, le=1000.0)]
Seed = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
Side = Annotated[int, msgspec.Meta(ge=32, le=MAX_SIDE)]
FAR = 1e9
Coordinate = Annotated[float, msgspec.Meta(gt=-FAR, lt=FAR)]
Vector = tuple[Coordinate, Coordinate, Coordinate]

PATHS = ("garment", "output")
P = ParamSpec("P")
S = TypeVar("S")
R = TypeVar("R")
O = TypeVar("O", bound="MethodOptions")  # noqa: E741


@dataclass(frozen=True, kw_only=True)
class MethodOptions:
    """The request to a method of editing, however it is started; None and auto leave a choice open."""

    instruction: str = field(default="", kw_only=False)
    """Say in one sentence how the scene should change; optional with --garment or the editor folder:DIR."""
    region: str | None = None
    """Edit only this part of the scene, in the capture's own frame, and freeze the rest: box:cx,cy,cz,hx,hy,hz (centre,
    half extents), sphere:cx,cy,cz,r, mesh:FILE (its inside), hull:FOLDER (where the masks of at least two training
    views meet), object:NAME (an object of the capture's label pictures), "text:the teapot" (found by GroundingDINO and
    SAM, or by object names without their weights), masks:FOLDER (VIEW.png of some training views, white inside),
    strokes:FILE.json (what a few strokes mark), or a .json file of those."""
    garment: Path | None = None
    """Dress a person by gaussian-vton: name the picture of a garment alone, from the front, as a PNG with transparency
    or before a plain background."""
    editor: str = "auto"
    """Choose the 2D editor by its name in `editor3d list editors`; auto takes the best that is installed."""
    preset: str | None = None
    """Load a preset by its name in `editor3d list presets`; flags win over its values."""
    condition_on: Condition | None = None
    """Edit the original photographs, renders of the base, or these with the photographs' detail (detailed); auto takes
    the base after an earlier edit and for a named object, detailed for an editor of small copies, else the originals;
    by default the method chooses."""
    guidance_scale: Scale | None = None
    """Set how closely a diffusion editor follows the instruction; by default what suits its model."""
    image_guidance_scale: Scale | None = None
    """Set how closely a diffusion editor keeps to the picture; by default the method's own scale."""
    diffusion_steps: Count | None = None
    """Set the denoising steps of one 2D edit; by default what suits the editor's model."""
    schedule: ScheduleChoice | None = None
    """Edit a few views at regular intervals (cyclic), all views at regular intervals (all-at-once), all first and then
    a few (all-then-cyclic), each once and beside the fit (spread), or what suits the editor (auto); by default the
    method's own schedule."""
    noise_schedule: NoiseChoice | None = None
    """Draw noise levels between the bounds (uniform) or below a falling upper bound (decaying), or use 1 - 0.8
    sqrt(step / total) (sqrt), or the upper bound first and 0.7 later (high); by default the method's own schedule."""
    quick: bool = False
    """Fit the scene's colours alone to the edited pictures, within seconds, and end there: a first look at an edit that
    keeps the scene's shape."""
    edits: Edits = "auto"
    """Edit this many pictures and carry the edit over to the other views by the scene's depth, or edit every view by
    the method's schedule (all); auto takes all where an edit is free, quick and the same at every call, else as many as
    show nearly all of the scene, at most 12."""
    approve: bool = False
    """Stop after the first 2D edit to look at it; editor3d resume RUN --accept continues, --again SEED edits anew."""
    base_steps: Count | None = None
    """Set the training steps of the reconstruction, if there is none yet; by default its method's own number."""
    force: bool = False
    """Edit even a reconstruction that shows its views no better than their mean."""
    provenance: bool = True
    """Sign each result as edited, with the instruction, the editor and the capture (C2PA); --no-provenance leaves that
    out."""

    def __post_init__(self) -> None:
        for name in PATHS:  # Python callers may give them as text
            if isinstance(value := vars(self).get(name), str):
                object.__setattr__(self, name, Path(value))

    def check(self) -> None:
        """Refuse values out of range.

        Raises:
            ConfigError: one is; the text names it.
        """
        values = msgspec.to_builtins(self, enc_hook=lambda value: str(value))
        _converted(values, type(self))


@dataclass(frozen=True, kw_only=True)
class EditOptions(MethodOptions):
    """Everything that can be chosen of an edit; `ns-train` has flags of its own for what this adds."""

    method: str = "auto"
    """Choose the method by its name in `editor3d list methods`; auto takes the preset's, or what suits the scene and
    the machine."""
    steps: Count | None = None
    """Set the training steps of the edit; by default the method's own number."""
    seed: Seed = 42
    """Seed everything random."""
    output: Path = field(default_factory=lambda: Path("outputs"))
    """Name the folder of runs."""
    viewer: bool = False
    """Serve nerfstudio's viewer on this machine during the edit."""

    def check(self) -> None:
        super().check()
        if self.quick and self.steps is not None:
            raise ConfigError(f"Expected no --steps with --quick, which makes none, got {self.steps}: leave one out.")

    def of_method(self) -> MethodOptions:
        """Those that a method's own configuration takes."""
        return MethodOptions(**{option.name: getattr(self, option.name) for option in fields(MethodOptions)})


def docs_of(options: type) -> dict[str, str]:
    """The docstring of each field, on one line, in the order of the fields."""
    said: dict[str, str] = {}
    for kind in reversed(options.__mro__[:-1]):
        for parameter in docstring_parser.parse_from_object(kind).params:
            said[parameter.arg_name] = " ".join((parameter.description or "").split())
    return {option.name: said.get(option.name, "") for option in fields(options)}


def schema_of(options: type[MethodOptions] = EditOptions) -> dict[str, Any]:
    """The JSON schema of the options, each with its docstring as description."""
    (_,), parts = msgspec.json.schema_components([options], schema_hook=lambda kind: {"type": "string"})
    schema = dict(parts[options.__name__])
    docs = docs_of(options)
    properties = {name: {**value, "description": docs[name]} for name, value in schema["properties"].items()}
    return {**schema, "properties": properties, "additionalProperties": False}


def options_from(values: Mapping[str, Any], options: type[O] = EditOptions) -> O:
    """Options from JSON values, as the schema describes them.

    Raises:
        ConfigError: an option is unknown, or a value is of another type or out of range.
    """
    known = {option.name for option in fields(options)}
    for name in values:
        if name not in known:
            raise ConfigError(f"There is no option {shown(name)} of an edit: choose among {', '.join(sorted(known))}.")
    return _converted(values, options)


def _converted(values: Mapping[str, Any], options: type[O]) -> O:
    try:
        return msgspec.convert(dict(values), options, dec_hook=lambda kind, value: kind(value))
    except msgspec.ValidationError as error:
        name = str(error).partition("`$.")[2].rstrip("`")
        allowed = _allowed(schema_of(options)["properties"][name])
        raise ConfigError(
            f"Expected {allowed} for {name.replace('_', '-')}, got {shown(values[name])}: choose another."
        ) from error


def _allowed(part: Mapping[str, Any]) -> str:
    """What the schema of an option allows, in words."""
    choices = part.get("anyOf", (part,))
    part = next(iter(choices))
    words = [value for other in choices[1:] for value in other.get("enum", ())]
    if words and "minimum" in part:
        return f"a whole number of {part['minimum']:g} to {part['maximum']:.0f}, or one of {', '.join(words)},"
    if "enum" in part:
        return f"one of {', '.join(value for value in part['enum'] if value is not None)}"
    if "minimum" in part:
        number = "a whole number" if part["type"] == "integer" else "a number"
        return f"{number} of {part['minimum']:g} to {part['maximum']:.0f}"
    return {"string": "text", "boolean": "true or false"}[part["type"]]


def taking(options: Callable[P, O]) -> Callable[[Callable[[S, O], R]], Callable[Concatenate[S, P], R]]:
    """Let a method of an object be called with the fields of `options` as its parameters.

    Args:
        options: a dataclass of options; its fields give the signature and the `Args` of the docstring.
    """

    def wrap(function: Callable[[S, O], R]) -> Callable[Concatenate[S, P], R]:
        @wraps(function)
        def call(self: S, *args: P.args, **kwargs: P.kwargs) -> R:
            chosen = options(*args, **kwargs)
            chosen.check()
            return function(self, chosen)

        own = inspect.signature(function, eval_str=False)
        given = list(inspect.signature(options).parameters.values())
        call.__signature__ = own.replace(parameters=[next(iter(own.parameters.values())), *given])  # pyright: ignore
        listed = "\n".join(f"    {name}: {said}" for name, said in docs_of(options).items())  # pyright: ignore
        call.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\nArgs:\n{listed}\n"
        return call

    return wrap
