"""Check a client's request: a job is a kind of work, its inputs and a few settings."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from editor3d.errors import ConfigError, shown
from editor3d.types import MAX_CAMERAS, MIN_CAMERAS

Kind = Literal["mesh", "mesh-preview", "scene", "scene-preview", "picture-preview", "refine"]
"""mesh: restyle a mesh. scene: edit a capture, a run or a file of splats, and export it. refine: change a .blend by a
program. The previews are 2D edits of a few pictures."""
KINDS: tuple[Kind, ...] = get_args(Kind)
INPUTS: dict[Kind, tuple[str, ...]] = {
    "mesh": ("mesh",),
    "mesh-preview": ("mesh",),
    "scene": ("scene",),
    "scene-preview": ("scene",),
    "picture-preview": ("picture",),
    "refine": ("blend", "program"),
}
"""What each kind needs."""
OPTIONAL_INPUTS: dict[Kind, tuple[str, ...]] = {"refine": ("target",)}
SUFFIXES = {
    "mesh": (".glb", ".ply", ".obj", ".stl", ".off"),
    "picture": (".png", ".jpg", ".jpeg"),
    "target": (".png", ".jpg", ".jpeg"),
    "blend": (".blend",),
    "program": (".py",),
}
"""How a file given as an input ends; a scene may also be a folder."""

_NUMBERS: dict[str, tuple[float, float, bool]] = {
    "steps": (1, 1_000_000, True),
    "base_steps": (1, 1_000_000, True),
    "seed": (0, 2**31 - 1, True),
    "views": (4, 400, True),
    "side": (32, 4096, True),
    "texture_size": (0, 16384, True),
    "displacement": (0.0, 1.0, False),
    "guidance_scale": (0.0, 100.0, False),
    "image_guidance_scale": (0.0, 100.0, False),
    "downscale_factor": (1, 64, True),
    "breadth": (1, 64, True),
    "depth": (1, 64, True),
    "budget_seconds": (1, 86_400, False),
    "distance": (1e-9, 1e9, False),
}
"""Least, greatest, whole numbers only."""
_CHOICES = {"format": ("mesh", "pointcloud", "splats")}
_VECTORS = ("up", "front", "center")
_SWITCHES = ("allow_weaker_sandbox", "draft", "force")
_AXIS = re.compile(r"[+-]?[xyz]")
_FAR = 1e9
"""Directions and places have smaller numbers; whole numbers of JSON may be larger than any float."""
_NAMES = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/\\ ~+@-]{0,400}")
"""Names of editors, methods and presets; never a word that starts with a minus."""
MAX_INSTRUCTION = 2000


@dataclass(frozen=True)
class JobRequest:
    """One job as it was asked for."""

    kind: Kind
    instruction: str
    inputs: Mapping[str, Path]
    """Files on this machine; uploads stand here as the files that they were stored in."""
    settings: Mapping[str, Any] = field(default_factory=dict)


def parse_request(body: Any, uploads: Mapping[str, Path]) -> JobRequest:
    """Check what a client sent.

    Args:
        body: JSON: `kind`, `instruction`, `inputs` (name to `{"upload": ID}` or `{"path": "/…"}`), `settings`.
        uploads: files by the ids under which they were uploaded.

    Raises:
        ConfigError: something is missing, unknown or out of range; the text names it.
    """
    if not isinstance(body, dict):
        raise ConfigError("Expected a JSON object that describes a job.")
    unknown = sorted(set(body) - {"kind", "instruction", "inputs", "settings"})
    if unknown:
        raise ConfigError(f"There is nothing called {', '.join(map(shown, unknown[:5]))} in a job.")
    kind = body.get("kind")
    if kind not in KINDS:
        raise ConfigError(f"Expected one of {', '.join(KINDS)} as the kind of a job, got {shown(kind)}.")
    instruction = body.get("instruction")
    if not isinstance(instruction, str) or not instruction.strip():
        raise ConfigError("Expected an instruction: say in one sentence what should change.")
    # halves of a character cannot be written into a command, and are no text
    if len(instruction) > MAX_INSTRUCTION or any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in instruction.strip()):
        raise ConfigError(f"Expected an instruction of one line and at most {MAX_INSTRUCTION} characters.")
    return JobRequest(
        kind=kind,
        instruction=instruction.strip(),
        inputs=_inputs(kind, body.get("inputs"), uploads),
        settings=_settings(body.get("settings", {})),
    )


def _inputs(kind: Kind, given: Any, uploads: Mapping[str, Path]) -> dict[str, Path]:
    if not isinstance(given, dict):
        raise ConfigError(f"Expected inputs for a job of the kind {kind}: {', '.join(INPUTS[kind])}.")
    known = (*INPUTS[kind], *OPTIONAL_INPUTS.get(kind, ()))
    for name in given:
        if name not in known:
            raise ConfigError(f"A job of the kind {kind} has no input {shown(name)}: it takes {', '.join(known)}.")
    found = {}
    for name in known:
        if name in given:
            found[name] = _input(name, given[name], uploads)
        elif name in INPUTS[kind]:
            raise ConfigError(f"Expected the input {name} for a job of the kind {kind}, got none.")
    return found


def _input(name: str, value: Any, uploads: Mapping[str, Path]) -> Path:
    if isinstance(value, dict) and list(value) == ["upload"] and isinstance(value["upload"], str):
        if value["upload"] not in uploads:
            raise ConfigError(f"There is no upload {shown(value['upload'])} for {name}: send the file first.")
        path = uploads[value["upload"]]
    elif isinstance(value, dict) and list(value) == ["path"] and isinstance(value["path"], str):
        path = Path(value["path"])
        if name == "scene" and value["path"] == "demo":
            return path
        if not path.is_absolute() or "\0" in value["path"]:
            raise ConfigError(f"Expected an absolute path for {name}, got {shown(value['path'])}.")
        if not os.path.exists(path):  # also where it is too long, or hidden from this user: `Path.exists` raises then
            raise ConfigError(f"There is no {path}: check the path of {name}.")
    else:
        raise ConfigError(f'Expected {{"upload": ID}} or {{"path": "/…"}} for {name}, got {shown(value)}.')
    suffixes = SUFFIXES.get(name)
    if suffixes and path.suffix.lower() not in suffixes:
        raise ConfigError(f"Expected a file that ends in {' or '.join(suffixes)} for {name}, got {path.name}.")
    return path


def _settings(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise ConfigError("Expected settings as a JSON object.")
    return {name: _setting(name, value) for name, value in given.items() if value is not None}


def _setting(name: str, value: Any) -> Any:
    if name in _NUMBERS:
        low, high, whole = _NUMBERS[name]
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not low <= value <= high or (whole and value != int(value)):
            raise ConfigError(f"Expected {name} between {low:g} and {high:g}, got {shown(value)}.")
        return int(value) if whole else float(value)
    if name in _CHOICES:
        if value not in _CHOICES[name]:
            raise ConfigError(f"Expected one of {', '.join(_CHOICES[name])} for {name}, got {shown(value)}.")
        return value
    if name in _VECTORS or (name == "scene_up" and isinstance(value, list)):
        return _vector(name, value)
    if name == "scene_up":
        if not isinstance(value, str) or not _AXIS.fullmatch(value):
            raise ConfigError(f"Expected an axis (z, -y) or three numbers for {name}, got {shown(value)}.")
        return value
    if name == "cameras":
        return _cameras(value)
    if name in _SWITCHES:
        if not isinstance(value, bool):
            raise ConfigError(f"Expected true or false for {name}, got {shown(value)}.")
        return value
    if name in ("editor", "method", "preset", "region"):
        if not isinstance(value, str) or not (_NAMES.fullmatch(value) or (name == "region" and _region(value))):
            raise ConfigError(f"Expected a name for {name}, got {shown(value)}.")
        return value
    raise ConfigError(f"There is no setting {shown(name)} of a job.")


def _vector(name: str, value: Any) -> tuple[float, ...]:
    good = isinstance(value, list) and len(value) == 3
    good = good and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in value)
    if not good or not all(abs(v) < _FAR for v in value) or (name != "center" and not any(value)):
        raise ConfigError(f"Expected three numbers for {name}, got {shown(value)}.")
    return tuple(float(v) for v in value)


def _cameras(value: Any) -> int | Path:
    """How many, or the path of what has some."""
    if isinstance(value, int) and not isinstance(value, bool) and MIN_CAMERAS <= value <= MAX_CAMERAS:
        return value
    if isinstance(value, dict) and list(value) == ["path"]:
        return _input("cameras", value, {})
    raise ConfigError(f'Expected {MIN_CAMERAS} to {MAX_CAMERAS} or {{"path": "/…"}} for cameras, got {shown(value)}.')


def _region(value: str) -> bool:
    return bool(re.fullmatch(r"[a-z]+:[A-Za-z0-9_.,:/\\ +-]{1,400}", value))
