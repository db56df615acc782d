"""Split an instruction into tokens: the longest known phrase at each place, or a single word."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from editor3d.errors import InstructionError
from editor3d.language.nouns import ObjectNames
from editor3d.language.vocabulary import (
    AMOUNT_PHRASES,
    AMOUNTS,
    BOUNDARIES,
    BY_EFFECT,
    BY_PHRASE,
    DETERMINERS,
    SHADES,
    STRENGTHS,
    Term,
)

Kind = Literal["term", "object", "strength", "boundary", "word"]

_LONGEST_PHRASE = max(len(phrase) for phrase in (*BY_PHRASE, *AMOUNT_PHRASES, *STRENGTHS))


def require_words(instruction: str, example: str = "turn it into a robot") -> None:
    """Refuse an instruction without words.

    Raises:
        InstructionError: it is empty; the text gives the example.
    """
    if not any(letter.isalnum() for letter in instruction):
        raise InstructionError(f"The instruction is empty; say what to change, for example '{example}'.")


@dataclass(frozen=True)
class Token:
    """One word or known phrase of an instruction."""

    kind: Kind
    words: tuple[str, ...]
    term: Term | None = None
    shade: str = ""
    """Of a color term: `light`, `dark`, `vivid` or nothing; of weather: `light`, `heavy`, `falling`,
    `after` or nothing."""

    @property
    def meaning(self) -> Term:
        """The term of a token of the kind "term"."""
        assert self.term is not None
        return self.term

    @property
    def text(self) -> str:
        return " ".join(self.words)


def split_words(instruction: str) -> list[str]:
    """Words in lower case and punctuation marks; apostrophes and hyphens resolved."""
    text = instruction.lower().replace("\u2019", "'").replace("\u2018", "'")
    text = re.sub(r"\bb\s?[&/]\s?w\b", " bw ", text).replace("&", " and ").replace("n't", " not")
    text = re.sub(r"'(s|d|re|m|ll|ve)\b", " ", text)
    text = re.sub(r"\bvan gough\b", "van gogh", text)
    return re.findall(r"[^\W_]+|[,;.!?:]", text)


def tokenize(words: list[str], objects: ObjectNames) -> list[Token]:
    """Longest match first; an object's name wins over an equally long effect after a determiner ("the stone").

    Args:
        words: from `split_words`.
        objects: names of the objects that the data has masks of.
    """
    tokens: list[Token] = []
    i = 0
    while i < len(words):
        token = _match(words, i, objects)
        tokens.append(token)
        i += len(token.words)
    return tokens


def objects_named(instruction: str, objects: Collection[str]) -> tuple[str, ...]:
    """The objects that an instruction names, in whatever sentence: words that may mean several mean all of them.

    Args:
        instruction: any text.
        objects: names of the objects that the data has masks of.
    """
    names = ObjectNames(objects)
    tokens = [token for token in tokenize(split_words(instruction), names) if token.kind == "object"]
    return tuple(dict.fromkeys(name for token in tokens for name in names.resolve(token.words, (), every=True)))


def _match(words: list[str], i: int, objects: ObjectNames) -> Token:
    for length in range(min(max(_LONGEST_PHRASE, objects.longest) + 1, len(words) - i), 0, -1):
        phrase = tuple(words[i : i + length])
        is_object = phrase in objects
        term, shade = _term(phrase)
        if is_object and (term is None or (i > 0 and words[i - 1] in DETERMINERS)):
            return Token("object", phrase)
        if term is not None:
            return Token("term", phrase, term, shade)
        if phrase in STRENGTHS:
            return Token("strength", phrase)
    return Token("boundary" if words[i] in BOUNDARIES else "word", (words[i],))


def _term(phrase: tuple[str, ...]) -> tuple[Term | None, str]:
    """The term of a phrase, where a shade may stand before a color ("light green"), an amount before a weather."""
    if phrase in AMOUNT_PHRASES:
        effect, amount = AMOUNT_PHRASES[phrase]
        return BY_EFFECT[effect], amount
    if phrase in BY_PHRASE:
        return BY_PHRASE[phrase], ""
    term = BY_PHRASE.get(phrase[1:])
    by_word = {"color": SHADES, "weather": AMOUNTS}.get(term.category, {}) if term is not None else {}
    return (term, by_word[phrase[0]]) if phrase[0] in by_word else (None, "")
