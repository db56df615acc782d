"""Match a noun of the instruction to an object, given the names of the objects that the data has masks of."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from editor3d.errors import InstructionError
from editor3d.language.vocabulary import BY_PHRASE, SYNONYMS

_IRREGULAR = {
    "man": "men",
    "woman": "women",
    "person": "people",
    "child": "children",
    "mouse": "mice",
    "goose": "geese",
    "foot": "feet",
    "tooth": "teeth",
    "leaf": "leaves",
    "shelf": "shelves",
    "knife": "knives",
    "loaf": "loaves",
}
_SINGULAR = {plural: singular for singular, plural in _IRREGULAR.items()}


def plural(noun: str) -> str:
    """English plural of a singular noun, by the common rules."""
    if noun in _IRREGULAR:
        return _IRREGULAR[noun]
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def singular(noun: str) -> str:
    """English singular of a noun that may be a plural; other words come back unchanged."""
    if noun in _SINGULAR:
        return _SINGULAR[noun]
    if noun.endswith("ies") and len(noun) > 4:
        return noun[:-3] + "y"
    if noun.endswith(("ches", "shes", "sses", "xes", "zes")):
        return noun[:-2]
    if noun.endswith("s") and not noun.endswith(("ss", "us", "is")):
        return noun[:-1]
    return noun


@dataclass(frozen=True)
class Candidate:
    """One object that a phrase may mean."""

    name: str
    rank: int
    """0 the object's very name; 1 its name without number, inflected or by synonym; 2 the name's last word only."""
    is_plural: bool
    """The phrase is a plural that the object's name is not."""


def _name_words(name: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.findall(r"[a-z]+|\d+", spaced.lower())


def _inflections(noun: str) -> dict[str, bool]:
    """Forms of a noun -> whether the form is a plural and the noun is not."""
    forms: dict[str, bool] = {}
    one = singular(noun)
    for word in {one}.union(*(group for group in SYNONYMS if one in group)):
        forms[plural(word)] = noun == one
        forms[word] = False
    forms[noun] = False
    return forms


class ObjectNames:
    """Finds the objects that phrases mean: articles, plurals, numbers and common synonyms aside."""

    def __init__(self, names: Collection[str]) -> None:
        self.names = tuple(sorted(names))
        self._index: dict[tuple[str, ...], list[Candidate]] = {}
        for name in self.names:
            words = _name_words(name)
            if not words:
                continue
            self._add(tuple(words), Candidate(name, 0, False))
            while len(words) > 1 and words[-1].isdigit():
                words.pop()
            *modifiers, head = words
            for form, is_plural in _inflections(head).items():
                self._add((*modifiers, form), Candidate(name, 1, is_plural))
                self._add((form,), Candidate(name, 2, is_plural))
        self.longest = max((len(phrase) for phrase in self._index), default=0)

    def _add(self, phrase: tuple[str, ...], candidate: Candidate) -> None:
        self._index.setdefault(phrase, []).append(candidate)

    def __contains__(self, phrase: tuple[str, ...]) -> bool:
        return phrase in self._index

    def words(self) -> list[str]:
        """Every single word that names an object."""
        return [phrase[0] for phrase in self._index if len(phrase) == 1]

    def resolve(self, phrase: tuple[str, ...], modifiers: Collection[str], every: bool = False) -> tuple[str, ...]:
        """The objects that a phrase with its modifiers means.

        Args:
            phrase: the words of the noun, one of those contained.
            modifiers: the words between determiner and noun ("big", "red").
            every: the phrase stands after "all", "both", "each" or "every".

        Raises:
            InstructionError: the phrase fits several objects, or its color or material contradicts the object's name.
        """
        found = self._index[phrase]
        best = min(candidate.rank for candidate in found)
        found = [candidate for candidate in found if candidate.rank == best]
        found = [c for c in found if not _contradicts(modifiers, _name_words(c.name))]
        text = " ".join((*modifiers, *phrase))
        if not found:
            raise InstructionError(
                f"No object of this data is a '{text}'; the objects with masks are {listing(self.names)}."
            )
        named = [c for c in found if set(modifiers) & set(_name_words(c.name))]
        if 0 < len(named) < len(found):
            found = named
        names = tuple(dict.fromkeys(candidate.name for candidate in found))
        if len(names) > 1 and not every and not any(candidate.is_plural for candidate in found):
            raise InstructionError(f"'{text}' may mean {listing(names)}; name one of them, or say 'all' to edit each.")
        return names


def _contradicts(modifiers: Iterable[str], name_words: Collection[str]) -> bool:
    """Whether a color or material before the noun is another than the one in the object's name."""
    for word in modifiers:
        term = BY_PHRASE.get((word,))
        if term is None or term.category not in ("color", "material") or word in name_words:
            continue
        if any((own,) in BY_PHRASE and BY_PHRASE[(own,)].category == term.category for own in name_words):
            return True
    return False


def listing(names: Collection[str]) -> str:
    """Names in reading order for an error text."""
    return ", ".join(names) if names else "none"
