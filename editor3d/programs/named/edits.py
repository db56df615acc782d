"""Read an instruction as changes of things that a scene has by name: `columns taller`, `turn up the key light`.

The names of objects, lights, materials, shape keys, modifiers and their inputs are the vocabulary. A value that the
program sets is changed where it is set; any other by a statement behind the program.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from editor3d.errors import InstructionError
from editor3d.programs.language.comments import stems
from editor3d.programs.language.syntax import Parameter, Program, number_of
from editor3d.programs.language.vocabulary import Input, Vocabulary
from editor3d.programs.named.words import Way, name_stems, strength_of, types_of, way_of

RATIO, LIGHT_RATIO, SHARE = 1.6, 2.5, 0.7
"""By how much a size or a light is multiplied, and how far something between limits goes to its end."""
STRENGTHS = (1.0, 1.6, 0.6)
"""Of the candidates of an edit, the one that is wanted most first."""
_AXES = {"scale z": (2,), "scale xy": (0, 1), "scale xyz": (0, 1, 2)}


@dataclass(frozen=True)
class NamedEdit:
    """An instruction that was understood."""

    sources: tuple[tuple[str, str], ...]
    """Programs and what they change, in words; by `STRENGTHS`."""


def named_edit(instruction: str, source: str, vocabulary: Vocabulary) -> NamedEdit | None:
    """The edits that an instruction means; None where a part of it names nothing, or no direction."""
    clauses = [part for part in re.split(r",|;|\band\b|\bthen\b", instruction) if part.strip()]
    sources = []
    for strength in STRENGTHS:
        program, notes = Program(source, vocabulary), []
        for clause in clauses:
            changed = _changed(clause, program, vocabulary, strength)
            if changed is None:
                return None
            program = program.again(changed[0])
            notes.append(changed[1])
        sources.append((program.source, ", ".join(notes)))
    return NamedEdit(tuple(sources)) if clauses else None


def not_understood(refusal: InstructionError | None, instruction: str, vocabulary: Vocabulary) -> InstructionError:
    """What an instruction may be, the scene's own names included."""
    names = ", ".join(vocabulary.names[:30])
    start = (
        str(refusal).rstrip(".") if refusal else f"Expected an instruction on what the scene has, got {instruction!r}"
    )
    return InstructionError(f"{start}; or say which way something goes that this scene has, as in `taller`: {names}.")


def _changed(clause: str, program: Program, vocabulary: Vocabulary, strength: float) -> tuple[str, str] | None:
    """The program with one clause's change, and what that is."""
    found = way_of(clause)
    if found is None:
        return None
    way, rest = found
    factor = strength * strength_of(clause)
    for change in (_input_changed, _light_changed, _material_changed, _object_changed):
        changed = change(rest, way, program, vocabulary, factor)
        if changed is not None:
            return changed
    return None


def _input_changed(
    rest: str, way: Way, program: Program, vocabulary: Vocabulary, factor: float
) -> tuple[str, str] | None:
    """Inputs of modifiers, and shape keys."""
    words = name_stems(rest)
    for entry in _inputs(words, way, vocabulary):
        if entry.kind not in ("FLOAT", "INT"):
            continue
        note = f"{entry.name} of {entry.modifier or entry.owner}"
        places = [index for index, parameter in enumerate(program.parameters) if parameter.label in entry.labels]
        if len(places) == 1 and program.parameters[places[0]].bounds is not None:
            parameter = program.parameters[places[0]]
            value = _moved(parameter, way.sign, factor, is_key=not entry.modifier)
            return program.with_values({places[0]: value}), note
        owner = f"bpy.data.objects[{entry.owner!r}]"
        if entry.modifier:
            place = f"{owner}.modifiers[{entry.modifier!r}]{entry.place or f'[{entry.identifier!r}]'}"
            end = f"{owner}.update_tag()"
            made = f"int(round({place} * {_ratio(way, factor)}))" if entry.kind == "INT" else None
            return _behind(program, f"{place} = {made or f'{place} * {_ratio(way, factor)}'}", end), note
        place = f"{owner}.data.shape_keys.key_blocks[{entry.name!r}].value"
        limit = entry.high if way.sign > 0 else entry.low
        return _behind(program, f"{place} += {min(SHARE * factor, 1.0):.3g} * ({limit!r} - {place})"), note
    return None


def _inputs(words: frozenset[str], way: Way, vocabulary: Vocabulary) -> Iterator[Input]:
    """Inputs that a clause speaks of: by their own names, or by what they belong to and the quantity."""
    for entry in vocabulary.inputs:
        own = name_stems(entry.name)
        if own and own <= words and (not way.quantities or own & stems(" ".join(way.quantities)) or not entry.modifier):
            yield entry
    for quantity in way.quantities:
        for entry in vocabulary.inputs:
            belongs = name_stems(entry.modifier) | name_stems(entry.owner)
            if stems(quantity) <= name_stems(entry.name) and belongs & words:
                yield entry


def _light_changed(
    rest: str, way: Way, program: Program, vocabulary: Vocabulary, factor: float
) -> tuple[str, str] | None:
    if way.quantities and "energy" not in way.quantities:
        return None
    names = _things(rest, vocabulary, {"LIGHT"})
    if not names:
        return None
    ratio = LIGHT_RATIO ** (way.sign * factor)
    lines = [f"bpy.data.objects[{name!r}].data.energy *= {ratio:.3g}" for name in names]
    return _behind(program, *lines), f"energy of {', '.join(names)}"


def _material_changed(
    rest: str, way: Way, program: Program, vocabulary: Vocabulary, factor: float
) -> tuple[str, str] | None:
    """The roughness of materials, by their own names."""
    if "roughness" not in way.quantities:
        return None
    names = [name for name in vocabulary.materials if name_stems(name) & name_stems(rest)]
    if not names:
        return None
    share, end = min(SHARE * factor, 1.0), 1.0 if way.sign > 0 else 0.0
    lines = []
    for name in names:
        lines += [
            f"for node in bpy.data.materials[{name!r}].node_tree.nodes:",
            "    if node.type == 'BSDF_PRINCIPLED':",
            f"        node.inputs['Roughness'].default_value += {share:.3g} * ({end} - "
            "node.inputs['Roughness'].default_value)",
        ]
    return _behind(program, *lines), f"roughness of {', '.join(names)}"


def _object_changed(
    rest: str, way: Way, program: Program, vocabulary: Vocabulary, factor: float
) -> tuple[str, str] | None:
    """The scale of objects."""
    axes = next((_AXES[name] for name in way.quantities if name in _AXES), None)
    names = _things(rest, vocabulary, set(vocabulary.objects.values()) - {"LIGHT", "CAMERA"})
    if axes is None or not names:
        return None
    lines = [f"bpy.data.objects[{name!r}].scale[{axis}] *= {_ratio(way, factor)}" for name in names for axis in axes]
    return _behind(program, *lines), f"scale of {', '.join(names)}"


def _things(rest: str, vocabulary: Vocabulary, types: set[str]) -> list[str]:
    """Objects of some types that a clause names; all lights for "the lights"."""
    words, wanted = name_stems(rest), types_of(rest)
    things = [name for name, kind in vocabulary.objects.items() if kind in types]
    named = [name for name in things if name_stems(name) & words]
    every = [name for name in things if vocabulary.objects[name] in wanted and re.search(r"s\b", rest)]
    return named or (every if not _unknown(words, vocabulary) else [])


def _unknown(words: frozenset[str], vocabulary: Vocabulary) -> frozenset[str]:
    """Words of a clause that are nothing's name: "the moon's lights" are not all lights."""
    return words - {"lamp", "light", "all", "up", "down"} - frozenset().union(*map(name_stems, vocabulary.names))


def _ratio(way: Way, factor: float) -> str:
    return f"{RATIO ** (way.sign * factor):.3g}"


def _moved(parameter: Parameter, sign: int, factor: float, *, is_key: bool) -> float | int:
    """A value of the program, moved within its bounds."""
    value, bounds = number_of(parameter.value), parameter.limits
    if is_key or value == 0.0:
        end = bounds.high if sign > 0 else bounds.low
        return value + min(SHARE * factor, 1.0) * (end - value)
    if parameter.kind == "integer":
        moved = value * RATIO ** (sign * factor)
        return round(moved) if abs(moved - value) >= 1.0 else round(value) + sign
    return value * RATIO ** (sign * factor)


def _behind(program: Program, *lines: str) -> str:
    start = "" if "import bpy" in program.source else "import bpy\n"
    return f"{start}{program.source.rstrip()}\n\n" + "".join(f"{line}\n" for line in lines)
