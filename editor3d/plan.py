"""Resolve the options of an edit to a plan: every open choice is made, and its reason recorded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Literal, Protocol

from editor3d.errors import ConfigError
from editor3d.options import Edits, MethodOptions
from editor3d.regions import settled
from editor3d.types import Condition, Editor, EditorInfo, PosedImages, View
from editor3d.update.instruction import editable_views, edited_objects
from editor3d.update.schedule import Schedule

BY_NAME = "chosen by name"
"""Why an editor, where nothing was left to choose."""
AS_ASKED = "as requested"
"""Why the pictures that are edited, where nothing was left to choose."""
USUAL_EDITS, USUAL_SHARE = 12, 0.9
"""2D edits at most where nobody says how many, and the share of what all views show that keys have to cover then."""
SettledCondition = Literal["original", "base", "detailed"]


@dataclass(frozen=True)
class Machine:
    """What an edit finds where it runs."""

    device: str
    """As torch names it: cpu, cuda."""
    editor: tuple[str, str]
    """The best editor for the method that is installed, and why in one clause."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """An edit with nothing left open. Kept in a run's config.yml; another instruction makes another plan."""

    instruction: str
    editor: str
    """The 2D editor or the guidance, as a request names it: `procedural`, `ip2p:FOLDER`, …"""
    region: str
    """Where the scene may change, with absolute paths; empty is everywhere."""
    guidance_scale: float
    reasons: dict[str, str] = field(default_factory=dict)
    """Why, in one clause, by the name of what was settled: `editor`, `condition_on`."""

    def __post_init__(self) -> None:
        # in the order of config.yml, so that a resumed run writes the same bytes as an uninterrupted one
        object.__setattr__(self, "reasons", dict(sorted(self.reasons.items())))


@dataclass(frozen=True)
class KeyPlan:
    """A few views are edited, and their edit is carried over to the others; which, the base's geometry will say."""

    edits: int
    """2D edits at most, repeated ones among them."""
    share: float
    """No further view is edited once they show this share of what all views show."""
    approve: bool = False
    """The run stops after the first edit, to be looked at."""


@dataclass(frozen=True, kw_only=True)
class EditPlan(Plan):
    """An edit by a 2D editor."""

    garment: str
    """The picture of a garment; empty where nobody is dressed."""
    condition_on: SettledCondition
    """The pictures that are edited."""
    image_guidance_scale: float
    diffusion_steps: int
    schedule: Schedule
    keys: KeyPlan | None = None
    """None where every view is edited, by the schedule."""

    def to_state(self) -> dict[str, Any]:
        """Plain values, for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> EditPlan:
        """What `to_state` gave."""
        keys = None if state["keys"] is None else KeyPlan(**state["keys"])
        return cls(**{**state, "schedule": Schedule(**state["schedule"]), "keys": keys})


class Method(Protocol):
    """What a method of editing brings to a plan."""

    condition_on: Condition
    image_guidance_scale: float
    KEYED: ClassVar[bool]
    """Whether it can edit a few views and carry their edit over to the others."""

    def usual_guidance_scale(self, info: EditorInfo) -> float:
        """The guidance scale that an editor is run at by this method."""
        ...

    def usual_diffusion_steps(self, info: EditorInfo) -> int:
        """The denoising steps that an editor is run with by this method."""
        ...

    def schedule_for(self, info: EditorInfo, rounds: float = math.inf, options: MethodOptions = ...) -> Schedule:
        """When views are edited, with what noise.

        Args:
            rounds: how often a cyclic schedule edits each view.

        Raises:
            ConfigError: a value is out of range, or the noise levels have no room for the editor's steps.
        """
        ...

    def rounds(self, total_steps: int, n_views: int) -> float:
        """How often a cyclic schedule edits each view."""
        ...

    def own_condition(self, options: MethodOptions, base_is_edit: bool) -> tuple[SettledCondition, str] | None:
        """The pictures that this method edits whatever the editor is, and why; None where `resolve` chooses."""
        ...


def choose_editor(options: MethodOptions, machine: Machine) -> tuple[str, str]:
    """The editor, and why in one clause."""
    return machine.editor if options.editor == "auto" else (options.editor, BY_NAME)


def resolve(
    options: MethodOptions,
    capture: PosedImages,
    machine: Machine,
    *,
    method: Method,
    editor: Editor,
    steps: int,
    base_is_edit: bool = False,
) -> EditPlan:
    """Settle what was left open. Pure: reads files that the region names, and writes nothing.

    Args:
        options: what was chosen; what they leave open is the method's to say.
        capture: the pictures that are edited, and the objects that they show.
        editor: the one of `choose_editor`.
        steps: training steps of the edit.
        base_is_edit: the reconstruction is itself the result of an edit.

    Raises:
        RegionError: the region is not understood.
        ConfigError: as `Method.schedule_for`.
    """
    info = editor.info
    spec, editor_reason = choose_editor(options, machine)
    condition, condition_reason = _condition(options, capture, method, editor, base_is_edit)
    schedule = method.schedule_for(info, method.rounds(steps, len(capture.train_views)), options)
    keys, keys_reason = _keys(options, method, editor, capture)
    own_scale, own_image_scale = options.guidance_scale, options.image_guidance_scale
    return EditPlan(
        instruction=options.instruction.strip(),
        editor=spec,
        region="" if options.region is None else settled(options.region),
        garment="" if options.garment is None else str(options.garment),
        condition_on=condition,
        guidance_scale=method.usual_guidance_scale(info) if own_scale is None else own_scale,
        image_guidance_scale=method.image_guidance_scale if own_image_scale is None else own_image_scale,
        diffusion_steps=options.diffusion_steps or method.usual_diffusion_steps(info),
        schedule=replace(schedule, kind="all-at-once") if options.quick else schedule,
        keys=keys,
        reasons={"editor": editor_reason, "condition_on": condition_reason, "edits": keys_reason},
    )


def _keys(options: MethodOptions, method: Method, editor: Editor, capture: PosedImages) -> tuple[KeyPlan | None, str]:
    """How many views are edited, and why."""
    asked, approve = options.edits, options.approve
    if not method.KEYED:
        if approve or isinstance(asked, int):
            raise ConfigError(
                f"Expected --edits all and no --approve with a method that edits every view, got {asked}: leave both "
                f"out, or use in2n, igs2gs, nerf-insert or gaussian-vton."
            )
        return None, "the method edits every view"
    return keys_for(asked, editor, capture.train_views, approve, scheduled=options.schedule is not None)


def keys_for(
    asked: Edits, editor: Editor, of: Sequence[View], approve: bool = False, scheduled: bool = False
) -> tuple[KeyPlan | None, str]:
    """How many of some views are edited, and why.

    Args:
        approve: see `KeyPlan`.
        scheduled: when views are edited was chosen; then auto means all.

    Raises:
        ConfigError: every view is to be edited, and the first of a few to be looked at.
    """
    if asked == "all":
        if approve:
            raise ConfigError(
                "Expected a number of edits or auto with --approve, got all: name a number, or leave --edits out."
            )
        return None, AS_ASKED
    held, views, info = len(editable_views(editor, of)), len(of), editor.info
    if isinstance(asked, int):
        return KeyPlan(min(asked, held) if info.tells_views else asked, 1.0, approve), AS_ASKED
    if held < views and not scheduled:
        return KeyPlan(held, 1.0, approve), f"{info.name} has {held} of {views} views edited"
    if approve:
        return KeyPlan(USUAL_EDITS, USUAL_SHARE, True), "the first edit is looked at before any other"
    if scheduled:
        return None, "a schedule was chosen"
    if info.effortless:
        return None, f"an edit by {info.name} costs nothing, and is the same at every call"
    return KeyPlan(USUAL_EDITS, USUAL_SHARE), f"edits by {info.name} take time or money, or differ from view to view"


def _condition(
    options: MethodOptions, capture: PosedImages, method: Method, editor: Editor, base_is_edit: bool
) -> tuple[SettledCondition, str]:
    """The pictures that are edited, and why."""
    own = method.own_condition(options, base_is_edit)
    if own is not None:
        return own
    if options.region is not None:
        return "base", "what lies outside the region is frozen"
    requested = options.condition_on or method.condition_on
    if requested != "auto":
        return requested, AS_ASKED
    if base_is_edit:
        return "base", "the base is itself the result of an edit"
    named = edited_objects(editor, options.instruction.strip(), capture.objects)
    if named:
        return "base", f"the instruction is about {', '.join(named)}, and all else stays as it is"
    if editor.info.working_side is not None:
        name = editor.info.name
        return "detailed", f"the instruction is about the whole picture, of which {name} edits a small copy"
    return "original", "the instruction is about the whole picture"
