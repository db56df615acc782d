"""Parse an instruction into steps: which effect, how strongly, on which objects.

A sentence is cut into clauses at "and", "then" and punctuation; here their targets are carried from one to the next.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from editor3d.editors.procedural.clause import Clause, ClauseReader, Step, known, object_and_all
from editor3d.errors import InstructionError
from editor3d.language import vocabulary as vocab
from editor3d.language.exceptions import take_exceptions
from editor3d.language.nouns import ObjectNames, listing
from editor3d.language.tokens import Token, require_words, split_words, tokenize


def parse(instruction: str, objects: Collection[str]) -> tuple[Step, ...]:
    """Read an instruction.

    Args:
        instruction: English, any case.
        objects: names of the objects that the data has masks of.

    Returns:
        The steps in their order, at least one.

    Raises:
        InstructionError: empty, negated, or holding a word or an object that is not known; the text lists what is.
    """
    require_words(instruction, "make it look like winter")
    words = split_words(instruction)
    names = ObjectNames(objects)
    words, spared, rest = take_exceptions(words, names)
    negation = _negation(words)
    if negation is not None:
        raise InstructionError(
            f"The procedural editor cannot follow '{negation}' in '{instruction}'; say what the picture should become, "
            "for example 'make it look like winter'."
        )
    clauses: list[list[Token]] = [[]]
    for token in tokenize(words, names):
        if token.kind == "boundary":
            clauses.append([])
        else:
            clauses[-1].append(token)
    steps = _combine(instruction, [ClauseReader(instruction, names, tokens).read() for tokens in clauses if tokens])
    return _sparing(instruction, steps, spared, rest)


def _sparing(instruction: str, steps: tuple[Step, ...], spared: tuple[str, ...], rest: bool) -> tuple[Step, ...]:
    """The steps, none of which changes what is to stay.

    Raises:
        InstructionError: something is to change and to stay.
    """
    both = [name for step in steps for name in step.targets if name in spared]
    if both:
        raise InstructionError(
            f"'{instruction}' says to change {listing(dict.fromkeys(both))} and to keep it; say one."
        )
    if rest and any(not step.targets for step in steps):
        raise InstructionError(
            f"'{instruction}' says to change the whole picture and to keep the rest of it; name the object to change."
        )
    return tuple(replace(step, spared=spared) if not step.targets else step for step in steps)


def _negation(words: list[str]) -> str | None:
    """The first word or phrase that asks for something other than an effect."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in vocab.NEGATIONS:
            return word
        if word in ("everything", "all") and following == "but":
            return f"{word} but"
    return None


def _combine(instruction: str, clauses: list[Clause]) -> tuple[Step, ...]:
    """Carry targets from clause to clause: "the teapot and the cube gold", "the teapot gold and darken it"."""
    steps: list[Step] = []
    pending: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    for clause in clauses:
        named = tuple(dict.fromkeys(pending + clause.targets))
        if pending and clause.whole and not clause.targets:
            raise object_and_all(instruction, pending)
        if not clause.effects:
            pending = named
            continue
        scene_level = [vocab.BY_EFFECT[s.effect].category in vocab.SCENE_CATEGORIES for s in clause.effects]
        # "make the teapot gold at night": the night is everybody's; "make the teapot look like winter" is the teapot's.
        shared = bool(named) and not all(scene_level)
        # The scene's effects go last, so that the object is edited as the photograph shows it.
        ordered = sorted(zip(scene_level, clause.effects, strict=True), key=lambda pair: shared and pair[0])
        for of_scene, step in ordered:
            if clause.whole and not named:
                last = ()
            elif named:
                last = named
            elif of_scene:
                last = ()
            targets = () if of_scene and shared else last
            steps.append(Step(step.effect, step.shade, step.strength, targets))
        pending = ()
    if pending:
        raise InstructionError(f"'{instruction}' names {listing(pending)} but no effect for it; {known()}.")
    if not steps:
        raise InstructionError(f"'{instruction}' asks for no change the procedural editor knows; {known()}.")
    return tuple(steps)
