"""Parse one clause of an instruction. Every word must be understood.

Noun phrases are found first, so that in "make the big red mug gold" the word "red" says which mug and "gold" what
becomes of it; what remains must be effects, words that scale them, and words known to ask for nothing. Anything else is
refused: a word passed over in silence could be the one that mattered.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

from editor3d.errors import InstructionError
from editor3d.language import vocabulary as vocab
from editor3d.language.nouns import ObjectNames, listing
from editor3d.language.tokens import Token


@dataclass(frozen=True)
class Step:
    """One effect on the whole picture or on objects."""

    effect: str
    """A key of `vocabulary.BY_EFFECT`."""
    shade: str = ""
    """Of a color: `light`, `dark`, `vivid` or nothing; of weather: `light`, `heavy`,
    `falling`, `after` or nothing."""
    strength: float = 1.0
    targets: tuple[str, ...] = ()
    """Names of the objects to edit; empty is the whole picture."""
    spared: tuple[str, ...] = ()
    """Names of objects that stay as they are within it."""


@dataclass
class Clause:
    """What one clause says."""

    effects: list[Step] = field(default_factory=list)
    targets: tuple[str, ...] = ()
    whole: bool = False
    pronoun: bool = False


class ClauseReader:
    """Reads one clause: consumes tokens until none is left, or refuses."""

    def __init__(self, instruction: str, names: ObjectNames, tokens: list[Token]) -> None:
        self.instruction = instruction
        self.names = names
        self.tokens = _drop_source(instruction, tokens)
        self.clause = Clause()
        self.doubtful: Token | None = None
        """A term that stands where an object's name would ("make the sky blue")."""

    def read(self) -> Clause:
        swallowed = self._noun_phrases()
        self._effects([token for i, token in enumerate(self.tokens) if i not in swallowed])
        self._order()
        clause = self.clause
        if self.doubtful is not None and not (clause.targets or clause.pronoun or clause.whole):
            raise self._no_mask(self.doubtful.words[0])
        return clause

    def _noun_phrases(self) -> set[int]:
        """Find the target; returns the places of tokens that belong to a noun phrase and ask for nothing."""
        swallowed: set[int] = set()
        for head, token in enumerate(self.tokens):
            word = token.words[0]
            modifiers = self._modifiers(head)
            before = self._text(modifiers.start - 1)
            introduced = self._text(modifiers.start - 2) in vocab.PREPOSITIONS
            if token.kind == "object":
                swallowed |= self._object(token, modifiers, before, introduced) | {head}
            elif token.kind != "word":
                continue
            elif word in vocab.WHOLE_NOUNS:
                swallowed |= self._whole_picture(modifiers, before) | {head}
            elif word in vocab.EVERYTHING or (word == "thing" and self._text(head - 1) in ("whole", "entire")):
                self.clause.whole = True
                swallowed.add(head)
            elif word in vocab.RESULT_NOUNS and (word not in vocab.FILLERS or before in vocab.DETERMINERS):
                carries_effect = any(self.tokens[i].kind == "term" for i in modifiers) or before in vocab.ARTICLES
                if (before in vocab.DETERMINERS and not introduced) or not carries_effect:
                    raise self._no_mask(word)
                swallowed.add(head)
            elif word in vocab.PRONOUNS:
                # Of "this teapot" and "make this gold" only the second has a pronoun, but the first has an object too.
                self.clause.pronoun = True
            elif word in _VERBS and before in vocab.POSSESSIVES | {"the"} and not introduced:
                raise self._no_mask(word)  # a verb where a noun must be: "make the cover blue"
        self._look_for_doubt(swallowed)
        if self.clause.targets and any(token.text in vocab.EVERYTHING for token in self.tokens):
            raise object_and_all(self.instruction, self.clause.targets)
        return swallowed

    def _object(self, token: Token, modifiers: range, before: str, introduced: bool) -> set[int]:
        """Take an object's name as the target; returns the places of the modifiers that say which object."""
        if before in vocab.ARTICLES and (introduced or self.clause.targets):
            self._result(token)
            return set()
        preceding = {own.text for own in self.tokens[: modifiers.stop]}
        every = before in ("both", "each", "every") or "all" in preceding
        self._target(token, [word for i in modifiers for word in self.tokens[i].words], every)
        described = before in vocab.ARTICLES and any(self.tokens[i].kind == "term" for i in modifiers)
        if self._effect_outside(modifiers) or (before in vocab.DETERMINERS | vocab.ARTICLES and not described):
            return set(modifiers)
        return {i for i in modifiers if self.tokens[i].text in vocab.ADJECTIVES}

    def _whole_picture(self, modifiers: range, before: str) -> set[int]:
        """Take "the scene" as the target, not "a winter scene"; returns the places of modifiers that only describe."""
        if before in vocab.ARTICLES:
            return set()
        self.clause.whole = True
        return set(modifiers) if before in vocab.DETERMINERS or self._effect_outside(modifiers) else set()

    def _modifiers(self, head: int) -> range:
        """Places of the adjectives and effects right before a noun."""
        start = head
        while start > 0 and self._is_modifier(self.tokens[start - 1]):
            start -= 1
        return range(start, head)

    @staticmethod
    def _is_modifier(token: Token) -> bool:
        if token.kind in ("term", "strength"):
            return True
        return token.kind == "word" and token.words[0] in vocab.ADJECTIVES | vocab.DECORATIONS | vocab.SHADES.keys()

    def _effect_outside(self, places: range) -> bool:
        return any(token.kind == "term" and i not in places for i, token in enumerate(self.tokens))

    def _text(self, i: int) -> str:
        return self.tokens[i].text if 0 <= i < len(self.tokens) else ""

    def _target(self, token: Token, modifiers: list[str], every: bool) -> None:
        found = self.names.resolve(token.words, modifiers, every)
        if self.clause.targets and found != self.clause.targets:
            raise InstructionError(
                f"'{self.instruction}' names {listing(self.clause.targets + found)} in one part of the sentence; "
                "join them by 'and', or edit one after the other."
            )
        self.clause.targets = found

    def _result(self, token: Token) -> None:
        """An object's name in "turn the mug into a golden mug" repeats the target; another one cannot be made."""
        found = self.names.resolve(token.words, ())
        if found != self.clause.targets:
            raise InstructionError(
                f"'{self.instruction}' asks for a new '{token.text}', which the procedural editor cannot make; "
                f"{known()}."
            )

    def _look_for_doubt(self, swallowed: set[int]) -> None:
        """A term right after "the", with no noun behind it, may be a noun without a mask: "make the stone gold"."""
        for i in range(1, len(self.tokens)):
            token = self.tokens[i]
            if token.kind != "term" or i in swallowed or self._text(i - 1) not in vocab.DETERMINERS - {"all"}:
                continue
            introduced = self._text(i - 2) in vocab.PREPOSITIONS
            carried = any(t.text in vocab.CARRIERS | vocab.RESULT_NOUNS for t in self.tokens[i + 1 :])
            harmless = token.meaning.category == "exposure" or token.text in ("day", "daylight", "night")
            if not (harmless or introduced or carried):
                self.doubtful = self.doubtful or token

    def _effects(self, tokens: list[Token]) -> None:
        """Everything that is no noun phrase: effects, what scales them, and words that ask for nothing."""
        strength: float | None = None
        less = False
        decoration: Token | None = None
        carried = any(token.kind == "term" and not _carries(token) for token in tokens)
        for token in tokens:
            word = token.words[0]
            if token.kind == "strength":
                strength = vocab.STRENGTHS[token.words]
            elif token.kind == "term" and not (_carries(token) and carried):
                effect = self._less(token) if less else token.meaning.effect
                if not self._says_again(effect):
                    self.clause.effects.append(Step(effect, token.shade, strength or 1.0))
                strength, less = None, False
            elif token.kind == "term" or word in vocab.MORE:
                pass
            elif word in vocab.LESS:
                less = True
            elif word in vocab.DECORATIONS:
                decoration = decoration or token
            elif word not in _SILENT:
                raise self._unknown(token)
        if decoration is not None and not self.clause.effects and decoration.text not in ("whole", "entire", "full"):
            raise self._unknown(decoration)
        if less:
            raise InstructionError(
                f"'{self.instruction}' asks for less, but not of what; say for example 'less contrast'."
            )
        if strength is not None and self.clause.effects:  # "darken it slightly"
            final = self.clause.effects[-1]
            self.clause.effects[-1] = Step(final.effect, final.shade, strength)

    def _says_again(self, effect: str) -> bool:
        """Whether the clause has a light, season or weather already: "a moonlit night" is one night."""
        of_scene = vocab.BY_EFFECT[effect].category in vocab.SCENE_CATEGORIES
        return of_scene and any(step.effect == effect for step in self.clause.effects)

    def _order(self) -> None:
        """What covers the rest is made last, wherever it stands in the clause."""
        self.clause.effects.sort(key=lambda step: step.effect in vocab.COVERINGS)

    def _less(self, token: Token) -> str:
        if not token.meaning.opposite:
            raise InstructionError(
                f"The procedural editor cannot make a picture less '{token.text}'; only "
                f"{listing([t.effect for t in vocab.TERMS if t.opposite])} have an opposite."
            )
        return token.meaning.opposite

    def _unknown(self, token: Token) -> InstructionError:
        place = next(i for i, own in enumerate(self.tokens) if own is token)
        after_determiner = place > 0 and self.tokens[place - 1].text in vocab.DETERMINERS
        neighbors = self.tokens[max(0, place - 1) : place + 2]
        beside_effect = any(neighbor.kind == "term" for neighbor in neighbors)
        has_target = self.clause.pronoun or self.clause.whole or self.clause.targets
        if after_determiner or (beside_effect and not has_target):
            return self._no_mask(token.text)
        words = [*(phrase[0] for phrase in vocab.BY_PHRASE if len(phrase) == 1), *self.names.words()]
        if token.text in vocab.ADJECTIVES:
            words = []
        close = difflib.get_close_matches(token.text, words, n=1, cutoff=0.8)
        hint = f" (did you mean '{close[0]}'?)" if close else ""
        return InstructionError(
            f"The procedural editor does not understand '{token.text}'{hint} in '{self.instruction}'; {known()}; "
            f"objects with masks: {listing(self.names.names)}."
        )

    def _no_mask(self, word: str) -> InstructionError:
        if self.names.names:
            held = f"has masks of {listing(self.names.names)} only; name one of them, or"
        else:
            held = "has no masks of objects;"
        return InstructionError(
            f"'{self.instruction}' is about '{word}', but this data {held} say 'it' for the whole picture."
        )


_VERBS = vocab.FILLERS - vocab.CARRIERS - vocab.PREPOSITIONS

_SILENT = vocab.FILLERS | vocab.CARRIERS | vocab.DETERMINERS | vocab.ARTICLES | vocab.PRONOUNS | vocab.PREPOSITIONS
"""Words that ask for nothing."""


def _carries(token: Token) -> bool:
    """Whether a term only carries another one of its clause: "rainy day", "painting by van gogh", "evening light"."""
    return len(token.words) == 1 and token.words[0] in vocab.CARRIERS


def _drop_source(instruction: str, tokens: list[Token]) -> list[Token]:
    """Remove what "turn summer into winter" says of the picture as it is.

    Raises:
        InstructionError: the source is a color or material ("turn red into blue"): that would choose pixels by content.
    """
    for i, token in enumerate(tokens):
        if token.text not in vocab.INTO or not any(t.kind == "term" for t in tokens[i:]):
            continue
        start = next((j for j in range(i) if tokens[j].text == "from"), None)
        if start is None:
            start = next((j for j in range(i) if tokens[j].text in vocab.CHANGE_VERBS), i)
        source = [t for t in tokens[start:i] if t.kind == "term"]
        if any(t.kind == "object" for t in tokens[start:i]):
            continue  # "turn the red mug into gold": the noun phrase takes care of it
        for term in source:
            if term.meaning.category in ("color", "material") and not any(t.kind == "object" for t in tokens):
                raise InstructionError(
                    f"The procedural editor cannot pick out what is '{term.text}' in '{instruction}'; "
                    "name an object that the data has a mask of, or say 'it' for the whole picture."
                )
        return [t for t in tokens if t not in source]
    return tokens


def object_and_all(instruction: str, names: tuple[str, ...]) -> InstructionError:
    return InstructionError(
        f"'{instruction}' names {listing(names)} and the whole picture at once; say one of them in each part of the "
        "sentence."
    )


def known() -> str:
    return f"it understands {vocab.summary()}"
