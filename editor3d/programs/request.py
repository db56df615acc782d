"""The request of a refinement, checked and with `auto` resolved before anything is written."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from editor3d.errors import ConfigError, DataError
from editor3d.files.safe_open import UNREADABLE, open_picture
from editor3d.files.writing import jsonable
from editor3d.programs.core.contracts import RenderSettings
from editor3d.programs.core.options import RefineRequest
from editor3d.programs.core.presets import with_preset
from editor3d.programs.imagination import Imagination
from editor3d.programs.judge.picture_clip import clip_model
from editor3d.programs.language.syntax import Program
from editor3d.programs.rendering.sizes import shaped
from editor3d.programs.search.pictures import digest
from editor3d.programs.vision.client import VisionSettings

SIDE, MOST_SIDE = 256, 4096
NOISE = 0.05
"""Adaptive sampling's threshold; what is left of the noise, the denoiser removes."""
VISION_DEPTH = 4
ASPECT_TOLERANCE = 0.02


def resolved(request: RefineRequest, vision: VisionSettings) -> RefineRequest:
    """The request with its preset loaded and every `auto` replaced by what it means on this machine.

    Raises:
        ConfigError: the evaluator or the preset needs a target picture or an instruction, and there is none.
    """
    request = with_preset(request)
    proposer, evaluator = request.proposer, request.evaluator
    if proposer == "auto":
        proposer = "vision" if vision.key or vision.url != VisionSettings.url else "embedded"
    if evaluator == "auto":
        measured = "imagination" if request.target is None else "target"
        evaluator = "vision" if proposer == "vision" else measured
    if evaluator == "target" and request.target is None:
        raise ConfigError("Expected a target picture for the evaluator target, got none: give --target IMAGE.")
    if evaluator == "vision" and request.target is None and not request.instruction.strip():
        raise ConfigError("Expected an instruction or a target picture, got neither: give one.")
    if request.objects.strip() and evaluator in ("vision", "names"):
        raise ConfigError(
            f"Expected an evaluator that measures pictures with --objects, got {evaluator}: give --evaluator target or "
            "imagination, or leave --objects out."
        )
    depth = VISION_DEPTH if request.depth is None and proposer == "vision" else request.depth
    return replace(request, proposer=proposer, evaluator=evaluator, depth=depth)


def clip_of(request: RefineRequest) -> str | None:
    """The CLIP model that has a part in the distance to the target; None where none has."""
    return None if request.evaluator in ("vision", "names") else clip_model(request.clip)


def target_and_settings(request: RefineRequest) -> tuple[np.ndarray | None, RenderSettings]:
    """The target at the size of the renders, and how candidates are rendered."""
    target = None if request.target is None else read_picture(request.target)
    width, height = request.width, request.height
    if width is None or height is None:
        aspect = 1.0 if target is None else target.shape[1] / target.shape[0]
        if width is None and height is None:
            width, height = shaped(aspect, SIDE)
        elif height is not None:
            width = round(height * aspect)
        elif width is not None:
            height = round(width / aspect)
    assert width is not None
    assert height is not None
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
    settings = RenderSettings(
        width,
        height,
        request.samples,
        noise=NOISE if request.denoise else 0.0,
        denoise=request.denoise,
        seed=request.seed,
        own_shape=target is None and request.width is None and request.height is None,
        camera=request.camera,
        deadline=request.deadline,
    )
    return target, settings


def halved(image: np.ndarray) -> np.ndarray:
    """A picture [H, W, 3] uint8 at half its size, by area; H and W even."""
    return np.array(Image.fromarray(image).resize((image.shape[1] // 2, image.shape[0] // 2), Image.Resampling.BOX))


def fingerprint(
    request: RefineRequest,
    source: str,
    target: np.ndarray | None,
    vision: VisionSettings,
    imagination: Imagination | None,
) -> dict[str, Any]:
    """What must be equal when a run is resumed: everything but the budget and the number of rounds."""
    settings = jsonable(asdict(request))
    for name in ("scene", "program", "target", "depth"):  # files are known by their contents; a search may be extended
        del settings[name]
    settings["editor"] = imagination.spec if imagination is not None else None
    settings["clip"] = clip_of(request)
    settings["scene"] = digest(request.scene.read_bytes())
    settings["program"] = digest(source)
    settings["target"] = None if target is None else digest(target.tobytes())
    settings["model"] = [vision.url, vision.model] if "vision" in (request.proposer, request.evaluator) else None
    return settings


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
