"""Change a program's structure: other words, switches and node links, another material."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence

import numpy as np

from editor3d.errors import ConfigError
from editor3d.programs.embedded.recipes import RECIPES, cook, materials_of
from editor3d.programs.language.syntax import Program

SOCKETS = {"Fac": ("Color",), "Color": ("Fac",), "Distance": ("Color", "Position"), "Factor": ("Color",)}
"""Other outputs of the nodes that have this one."""
INPUTS = {
    "Roughness": ("Metallic", "Base Color", "Specular IOR Level"),
    "Metallic": ("Roughness", "Base Color"),
    "Base Color": ("Emission Color",),
    "Normal": ("Roughness",),
}
"""Other inputs that what goes into this one may go into."""


def leaps(program: Program, rng: np.random.Generator, recipes: Sequence[str] = ()) -> list[tuple[str, str]]:
    """All leaps from a program, in random order but with the kinds of them taking turns.

    Args:
        program: the incumbent.
        rng: decides the order.
        recipes: materials that come before all others.

    Returns:
        Source and what was changed, of each; none is the program itself.
    """
    kinds = [list(_recipes(program)), list(_words(program)), list(_links(program)), list(_switches(program))]
    for kind in kinds:
        rng.shuffle(kind)
    taken = dict(_recipes(program, recipes))
    while any(kinds):
        for kind in kinds:
            if kind:
                source, note = kind.pop()
                taken.setdefault(source, note)
    taken.pop(program.source, None)
    return [(source, note) for source, note in taken.items() if _is_python(source)]


def choices(program: Program) -> list[tuple[str, str]]:
    """The other choices of menus and switches that the scene itself offers: source and what was changed, of each."""
    offered = program.vocabulary.by_label
    mine = {index for index, parameter in enumerate(program.parameters) if parameter.label in offered}
    return [*_words(program, mine), *_switches(program, mine)]


def _recipes(program: Program, recipes: Iterable[str] = RECIPES) -> Iterator[tuple[str, str]]:
    for name in materials_of(program):
        yield from ((cook(recipe, program, name), f"{name} of {recipe}") for recipe in recipes)


def _words(program: Program, only: Container[int] | None = None) -> Iterator[tuple[str, str]]:
    for index, parameter in enumerate(program.parameters):
        for word in parameter.choices if only is None or index in only else ():
            if word != parameter.value:
                yield program.with_values({index: word}), f"{parameter.label} {parameter.value} -> {word}"


def _switches(program: Program, only: Container[int] | None = None) -> Iterator[tuple[str, str]]:
    for index, parameter in enumerate(program.parameters):
        if parameter.kind == "switch" and (only is None or index in only):
            yield program.with_values({index: not parameter.value}), f"{parameter.label} -> {not parameter.value}"


def _links(program: Program) -> Iterator[tuple[str, str]]:
    for link in program.links:
        if link.input == "Surface":  # without it nothing is seen
            continue
        yield program.replaced({(link.start, link.end): "pass"}), f"no link to {link.input or 'an input'}"
        for place, name, others in (
            (link.output_at, link.output, SOCKETS.get(link.output or "", ())),
            (link.input_at, link.input, INPUTS.get(link.input or "", ())),
        ):
            if place:
                for other in others:
                    yield program.replaced({place: repr(other)}), f"link {name} -> {other}"


def _is_python(source: str) -> bool:
    try:
        Program(source)
    except ConfigError:
        return False
    return True
