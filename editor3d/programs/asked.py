"""The request of a refinement, checked and with `auto` resolved before anything is written."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from editor3d.errors import ConfigError, DataError
from editor3d.files.safe_open import UNREADABLE, open_picture
from editor3d.files.writing import jsonable
from editor3d.programs.core.contracts import RenderSettings
from editor3d.programs.core.run_ledger import RunLedger
from editor3d.programs.imagination import Imagination
from editor3d.programs.judge.picture_clip import ClipChoice, clip_model
from editor3d.programs.language.syntax import Program
from editor3d.programs.search.search import Edits, digest
from editor3d.programs.vision.client import VisionSettings

ProposerName = Literal["auto", "embedded", "vision"]
EvaluatorName = Literal["auto", "target", "imagination", "vision"]
LEDGER = "ledger.jsonl"
SIDE, MOST_SIDE = 128, 4096
VISION_DEPTH = 4
ASPECT_TOLERANCE = 0.02


@dataclass(frozen=True)
class Asked:
    """What is to be done; two runs with equal values do the same steps."""

    scene: Path
    """The .blend file; it is left as it is."""
    program: Path
    instruction: str = ""
    target: Path | None = None
    """A picture to match, of the render's shape."""
    proposer: ProposerName = "auto"
    evaluator: EvaluatorName = "auto"
    editor: str = "auto"
    """The 2D editor that imagines a target."""
    clip: ClipChoice = "auto"
    """Whether the distance to a picture has a CLIP part; auto: where a full CLIP is on this machine."""
    breadth: int = 8
    depth: int | None = None
    """Rounds; None is 4 for the vision model, and until the budget is spent for the embedded proposer."""
    edits: Edits = "alternate"
    width: int | None = None
    height: int | None = None
    """Pixels of the renders; by default those of a target's shape with a longer side of 128, else 128 x 128."""
    samples: int = 4
    camera: str | None = None
    """The scene's own by default."""
    deadline: float = 60.0
    """Seconds that one candidate may take."""
    seed: int = 0


def resolved(asked: Asked, vision: VisionSettings) -> Asked:
    """Every `auto` as what it means here."""
    proposer, evaluator = asked.proposer, asked.evaluator
    if proposer == "auto":
        proposer = "vision" if vision.key or vision.url != VisionSettings.url else "embedded"
    if evaluator == "auto":
        evaluator = "target" if asked.target is not None else ("vision" if proposer == "vision" else "imagination")
    if evaluator == "target" and asked.target is None:
        raise ConfigError("Expected a target picture for the evaluator target, got none: give --target IMAGE.")
    if evaluator == "vision" and asked.target is None and not asked.instruction.strip():
        raise ConfigError("Expected an instruction or a target picture, got neither: give one.")
    depth = VISION_DEPTH if asked.depth is None and proposer == "vision" else asked.depth
    return replace(asked, proposer=proposer, evaluator=evaluator, depth=depth)


def clip_of(asked: Asked) -> str | None:
    """The CLIP model that has a part in the distance to the target; None where none has."""
    return None if asked.evaluator == "vision" else clip_model(asked.clip)


def target_and_settings(asked: Asked) -> tuple[np.ndarray | None, RenderSettings]:
    """The target at the size of the renders, and how candidates are rendered."""
    target = None if asked.target is None else read_picture(asked.target)
    width, height = asked.width, asked.height
    if width is None or height is None:
        aspect = 1.0 if target is None else target.shape[1] / target.shape[0]
        if width is None and height is None:
            width, height = (SIDE, round(SIDE / aspect)) if aspect >= 1 else (round(SIDE * aspect), SIDE)
        elif width is None:
            width = round(height * aspect)
        else:
            height = round(width / aspect)
    if not 16 <= min(width, height) <= max(width, height) <= MOST_SIDE:
        raise ConfigError(f"Expected renders of 16 to {MOST_SIDE} pixels a side, got {width} x {height}.")
    if target is not None:
        shape = target.shape[1] / target.shape[0]
        if abs(shape * height / width - 1.0) > ASPECT_TOLERANCE + 1.0 / min(width, height):
            raise ConfigError(
                f"Expected a target of the render's shape, {width} x {height}, got {target.shape[1]} x "
                f"{target.shape[0]}: crop it, or give --width and --height that fit."
            )
        resized = Image.fromarray(target).resize((width, height), Image.Resampling.BOX)
        target = np.array(resized)
    return target, RenderSettings(width, height, asked.samples, asked.seed, asked.camera, asked.deadline)


def fingerprint(
    asked: Asked,
    source: str,
    target: np.ndarray | None,
    vision: VisionSettings,
    imagination: Imagination | None,
) -> dict[str, Any]:
    """What must be the same when a run is gone on with: all but the budget and the number of rounds."""
    settings = jsonable(asdict(asked))
    for name in ("scene", "program", "target", "depth"):  # files are known by what they hold, and a search may go on
        del settings[name]
    settings["editor"] = imagination.spec if imagination is not None else None
    settings["clip"] = clip_of(asked)
    settings["scene"] = digest(asked.scene.read_bytes())
    settings["program"] = digest(source)
    settings["target"] = None if target is None else digest(target.tobytes())
    settings["model"] = [vision.url, vision.model] if "vision" in (asked.proposer, asked.evaluator) else None
    return settings


def begin(ledger: RunLedger, settings: dict[str, Any]) -> None:
    begun = ledger.of("begin")
    if not begun:
        ledger.append("begin", settings=settings)
        return
    earlier = begun[0]["settings"]
    other = sorted(name for name in settings if earlier.get(name) != settings[name])
    if other:
        same = "give the same"
        if other == ["clip"]:  # weights that came or went change what auto means
            was = earlier.get("clip")
            same = "say --clip off" if was is None else f"make the weights of {was} available again with --clip on"
        raise ConfigError(
            f"Expected what {ledger.path.parent} was begun with, got another {', '.join(other)}: {same}, or begin a "
            f"new run in another folder."
        )


def check_folder(folder: Path, resume: bool) -> None:
    """
    Raises:
        ConfigError: there is a run and it is not to be gone on with, or the other way round.
    """
    begun = came_to_something(folder / LEDGER)
    if begun and not resume:
        raise ConfigError(f"{folder} holds a refinement already: go on with it by --resume, or choose another folder.")
    if resume and not begun:
        raise ConfigError(f"Expected a refinement to go on with in {folder}, found none: check the path.")


def came_to_something(path: Path) -> bool:
    """Whether a ledger has a picture: a run that was refused before that is no run."""
    try:
        return any(b'"status": "ok"' in line for line in path.read_bytes().splitlines())
    except (FileNotFoundError, NotADirectoryError):
        return False


def read_program(path: Path) -> str:
    try:
        source = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"Expected a program at {path}, found none ({error.strerror}): check the path.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"Expected a program in UTF-8 at {path}, found something else: check the path.") from error
    Program(source)
    return source


def read_picture(path: Path) -> np.ndarray:
    """A picture [H, W, 3] uint8; what is transparent lies on white."""
    try:
        with open_picture(Path(path)) as opened:
            rgba = opened.convert("RGBA")
    except UNREADABLE as error:
        raise DataError(f"Expected a picture at {path}, found none that can be read: check the path.") from error
    paper = Image.new("RGBA", rgba.size, "white")
    return np.array(Image.alpha_composite(paper, rgba).convert("RGB"))
