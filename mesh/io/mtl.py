"""Wavefront material libraries (.mtl): the colour, the texture and its options of each material."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mesh.io.common.notes import Notes, quoted
from mesh.io.common.text import lines_of, text_of
from mesh.io.common.textures import Textures
from mesh.surface import GRAY, Material

_WORDS = {
    "-blendu": 1, "-blendv": 1, "-bm": 1, "-boost": 1, "-cc": 1, "-clamp": 1, "-colorspace": 1, "-imfchan": 1,
    "-mm": 2, "-o": 3, "-s": 3, "-t": 3, "-texres": 1, "-type": 1,
}  # fmt: skip
"""Options of a map and how many words may follow; fewer numbers than three may."""
_BEHIND = re.compile(rf"\s((?:{'|'.join(_WORDS)})\s.*)$", re.IGNORECASE)
"""Options behind the name, where some programs write them."""
_UP_TO = ("-o", "-s", "-t")
_OTHER_MAPS = {
    "map_ka", "map_ks", "map_ke", "map_ns", "map_bump", "bump", "disp", "decal", "norm", "refl",
    "map_pr", "map_pm", "map_ps",
}  # fmt: skip
_GRAY_BELOW = 0.02
"""Difference of the channels of a Kd that is gray."""


@dataclass(frozen=True)
class ObjMaterial:
    """What a library says of a material."""

    color: tuple[float, float, float] | None = None
    """Kd."""
    texture: str = ""
    """What follows map_Kd, options included."""
    folder: Path = Path()
    """Where the library lies."""


@dataclass(frozen=True)
class Map:
    """A texture as `map_Kd` names it."""

    name: str
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)
    clamp: bool = False
    base_gain: tuple[float, float] = (0.0, 1.0)
    """-mm: values become base + gain * value."""
    ignored: tuple[str, ...] = field(default=())
    """Options that change the look and are not drawn."""


def read_library(path: Path, notes: Notes) -> dict[str, ObjMaterial]:
    """The materials of a library by their names.

    Raises:
        OSError: it cannot be read.
    """
    materials: dict[str, ObjMaterial] = {}
    name = None
    for line in lines_of(text_of(path.read_bytes())):
        word, _, rest = line.strip().partition("#")[0].replace("\t", " ").partition(" ")
        word, rest = word.lower(), rest.strip()
        if word == "newmtl":
            name = _raw(line)
            materials[name] = ObjMaterial(folder=path.parent)
        elif name is None:
            continue
        elif word == "kd":
            color = _color(rest)
            if color is None:
                notes.add(f"colour 'Kd {rest[:40]}' of material {quoted(name)} not understood")
            else:
                materials[name] = replace(materials[name], color=color)
        elif word == "map_kd":
            materials[name] = replace(materials[name], texture=_raw(line))
        elif word in _OTHER_MAPS:
            notes.add("maps other than of colour (bump, specular, ...) are not drawn")
        elif word in ("map_d", "map_tr") or (word == "d" and _first(rest, 1.0) < 1.0) or (
            word == "tr" and _first(rest, 0.0) > 0.0):  # fmt: skip
            notes.add("transparency is not drawn")
    for name in [name for name in materials if "#" in name]:
        materials.setdefault(without_comment(name), materials[name])
    return materials


def without_comment(name: str) -> str:
    """A material's name without what may be a comment behind it, or may be part of it."""
    return name.partition("#")[0].strip()


def _raw(line: str) -> str:
    """What follows the first word; a '#' may be part of a name."""
    return line.strip().split(None, 1)[1] if len(line.split()) > 1 else ""


def _first(rest: str, otherwise: float) -> float:
    try:
        return float(rest.split()[0])
    except (ValueError, IndexError):
        return otherwise


def _color(rest: str) -> tuple[float, float, float] | None:
    """Kd's one or three numbers."""
    try:
        values = [float(word) for word in rest.split()[:3]]
    except ValueError:
        return None
    if len(values) not in (1, 3) or not np.isfinite(values).all():
        return None
    red, green, blue = (min(max(value, 0.0), 1.0) for value in (values * 3)[:3])
    return red, green, blue


def parse_map(text: str) -> Map:
    """Options and name of `map_Kd`. The name may hold blanks; options may also stand behind it."""
    found = Map("")
    words = list(re.finditer(r"\S+", text))
    at = 0
    while at < len(words) - 1 and words[at].group().lower() in _WORDS:
        option = words[at].group().lower()
        values = [word.group() for word in words[at + 1 : at + 1 + _WORDS[option]]]
        if option in _UP_TO:
            values = _leading_numbers(values)
        values = values[: len(words) - at - 2]  # the last word is the name
        found = _with_option(found, option, values)
        at += 1 + len(values)
    name = text[words[at].start() :].strip() if words else ""
    behind = _BEHIND.search(name)
    if behind:
        options = parse_map(behind.group(1) + " x")
        return replace(options, name=name[: behind.start()].strip().strip('"'))
    return replace(found, name=name.strip('"'))


def _leading_numbers(words: list[str]) -> list[str]:
    for count, word in enumerate(words):
        try:
            float(word)
        except ValueError:
            return words[:count]
    return words


def _with_option(found: Map, option: str, values: list[str]) -> Map:
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        numbers = []
    if option == "-s" and numbers:
        return replace(found, scale=(numbers[0], numbers[1] if len(numbers) > 1 else numbers[0]))
    if option == "-o" and numbers:
        return replace(found, offset=(numbers[0], numbers[1] if len(numbers) > 1 else 0.0))
    if option == "-mm" and len(numbers) == 2:
        return replace(found, base_gain=(numbers[0], numbers[1]))
    if option == "-clamp" and values:
        return replace(found, clamp=values[0].lower() == "on")
    if option in ("-t", "-cc"):
        return replace(found, ignored=(*found.ignored, option))
    return found


def look_of(
    name: str, material: ObjMaterial, textures: Textures, folder: Path, notes: Notes
) -> tuple[Material, Map | None]:
    """A material as it is drawn, and how its texture is placed; None where it has none that can be read.

    A gray Kd beside a texture is what exporters write without meaning it, so the texture alone is shown; a coloured
    one is multiplied into it.
    """
    if material.texture:
        placed = parse_map(material.texture)
        picture = textures.named(placed.name, *dict.fromkeys((material.folder, folder))) if placed.name else None
        if picture is not None:
            for option in placed.ignored:
                notes.add(f"option {option} of the texture of material {quoted(name)} is not drawn")
            wrap = ("clamp", "clamp") if placed.clamp else ("repeat", "repeat")
            table = _adjustment(placed, material.color)
            return Material(texture=picture if table is None else textures.recolored(picture, table), wrap=wrap), placed
        return Material(material.color or (1.0, 1.0, 1.0)), None
    return Material(material.color or (GRAY, GRAY, GRAY)), None


def _adjustment(placed: Map, color: tuple[float, float, float] | None) -> np.ndarray | None:
    """What each value of a texture becomes [256, 3] uint8; None where it stays."""
    base, gain = placed.base_gain
    tint = np.ones(3) if color is None or max(color) - min(color) < _GRAY_BELOW else np.array(color)
    if (base, gain) == (0.0, 1.0) and (tint == 1.0).all():
        return None
    values = np.arange(256)[:, None] / 255.0
    with np.errstate(over="ignore", invalid="ignore"):
        return np.rint(np.nan_to_num(np.clip((base + gain * values) * tint, 0.0, 1.0)) * 255.0).astype(np.uint8)
