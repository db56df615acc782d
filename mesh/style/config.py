"""The configuration of a mesh style run, as JSON: everything that repeating or resuming it needs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_type_hints

import msgspec

from editor3d.errors import CheckpointError, ConfigError, InstructionError, RegionError, first_line, shown
from editor3d.files.safe_open import read_json
from editor3d.files.writing import write_json
from editor3d.options import Edits
from editor3d.regions import parse_region, seen_parts
from mesh.model.field import FieldSettings
from mesh.render.cameras import Vector, ViewSettings
from mesh.render.render import LightSettings
from mesh.style.clip_loss import ClipLossSettings

CONFIG = "mesh.json"
"""Name of a run's configuration, by which its folder is known."""


@dataclass(frozen=True)
class EditSettings:
    """When views are edited, and how strongly: Instruct-NeRF2NeRF's numbers, and its flags' names. None is what the
    editor's model is usually run at."""

    edit_rate: int = 10
    edit_count: int = 1
    lower_bound: float = 0.02
    upper_bound: float = 0.98
    guidance_scale: float | None = None
    image_guidance_scale: float = 1.5
    diffusion_steps: int | None = None
    few: Edits = "auto"
    """How many 2D edits are made and carried over to the other views, by the mesh's own surface; all edits every view.
    auto: all where an edit is free, quick and the same at every call, else 12 at most."""
    approve: bool = False
    """The run stops after the first edit, to be looked at."""


@dataclass(frozen=True)
class StyleConfig:
    """One styling of one mesh.

    Raises:
        ConfigError: a value is out of range.
        InstructionError: neither an instruction nor a prompt, or both.
        RegionError: the region is not understood.
    """

    mesh: str
    """The file."""
    instruction: str = ""
    """The instruction that the 2D editor gets with each view."""
    prompt: str = ""
    """The description of the result that CLIP compares renders with."""
    editor: str = "procedural"
    editor_reason: str = "chosen by name"
    provenance: bool = True
    """Results are signed as edited."""
    clip: str = "auto"
    """The CLIP of a prompt: a folder, or what is found on this machine."""
    steps: int = 300
    seed: int = 42
    region: str = ""
    """Where the mesh may change, in the file's frame."""
    detail: Literal["auto", "vertices", "points"] = "auto"
    """Where the field is evaluated for colours: at vertices, or at the points that pixels show. auto takes points for
    meshes with textures or with few vertices."""
    background: Vector = (1.0, 1.0, 1.0)
    """sRGB behind the mesh."""
    learning_rate: float = 2e-3
    """Adam's at first; it falls to a fiftieth along a cosine."""
    batch: int = 16384
    """Pixels of the edited pictures that a step fits."""
    views_per_step: int = 5
    """Views that a step renders where the mesh's shape may change, or CLIP looks at it."""
    steps_per_save: int = 50
    turntable_frames: int = 60
    texture_size: int = 1024
    """Pixels of the written texture's sides; 0 writes colours of the vertices in its place."""
    output: str = ""
    """Where the styled mesh is written besides the run's folder."""
    views: ViewSettings = field(default_factory=ViewSettings)
    lights: LightSettings = field(default_factory=LightSettings)
    style: FieldSettings = field(default_factory=FieldSettings)
    edits: EditSettings = field(default_factory=EditSettings)
    clip_loss: ClipLossSettings = field(default_factory=ClipLossSettings)

    def __post_init__(self) -> None:
        if bool(self.instruction.strip()) == bool(self.prompt.strip()) and not self.editor.startswith("folder:"):
            got = "both" if self.prompt.strip() else "neither"
            raise InstructionError(
                f"Expected an instruction for a 2D editor or a prompt for CLIP, got {got}: give one of --instruction "
                f"and --prompt."
            )
        if self.edits.approve and self.prompt.strip():
            raise ConfigError(
                "Expected no --approve with --prompt, which edits no pictures, got both: leave it out, or give an "
                "--instruction."
            )
        for name, value, smallest in (
            ("steps", self.steps, 1),
            ("batch", self.batch, 1),
            ("views_per_step", self.views_per_step, 1),
            ("steps_per_save", self.steps_per_save, 1),
            ("turntable_frames", self.turntable_frames, 0),
            ("texture_size", self.texture_size, 0),
            ("edits", self.edits.few if isinstance(self.edits.few, int) else 1, 1),
        ):
            if value < smallest:
                raise ConfigError(f"Expected at least {smallest} for {name}, got {value}: raise it.")
        if not (0.0 < self.learning_rate < 1.0 and all(0.0 <= value <= 1.0 for value in self.background)):
            raise ConfigError(
                f"Expected a learning rate between 0 and 1 and a background of three numbers in 0..1, got "
                f"{self.learning_rate:g} and {self.background}."
            )
        if self.detail not in ("auto", "vertices", "points"):
            raise ConfigError(f"Expected a detail of auto, vertices or points, got {self.detail}: choose one.")
        if self.region and seen_parts(parse_region(self.region)):
            raise RegionError(
                f"Expected a region of shapes for a mesh, which has no views with masks, got {self.region}: give "
                f"box:..., sphere:... or mesh:FILE."
            )

    def write(self, run: Path) -> None:
        """Write it into a run's folder.

        Raises:
            Editor3DError: the disk is full, or the folder cannot be written.
        """
        write_json(run / CONFIG, asdict(self))


def read_config(run: Path) -> StyleConfig:
    """The configuration in a run's folder.

    Raises:
        CheckpointError: there is none, or it is damaged.
        ConfigError: it has unknown keys, or values of another type or out of range.
    """
    path = run / CONFIG
    body = read_json(path, CheckpointError)
    _require_known(StyleConfig, body, str(path))
    try:
        return msgspec.convert(body, StyleConfig)
    except (msgspec.ValidationError, UnicodeError) as error:
        raise ConfigError(
            f"Expected the settings of a mesh's run in {path}: {first_line(error)}: start the run anew."
        ) from error


def _require_known(kind: type, body: Any, where: str) -> None:
    """Refuse keys that a dataclass, or one within it, does not have."""
    types = get_type_hints(kind)
    if not isinstance(body, dict) or not set(body) <= set(types):
        unknown = sorted(set(body) - set(types)) if isinstance(body, dict) else [type(body).__name__]
        raise ConfigError(f"Expected settings of {kind.__name__} in {where}, found {', '.join(map(shown, unknown))}.")
    for name, value in body.items():
        if is_dataclass(types[name]):
            _require_known(types[name], value, where)
