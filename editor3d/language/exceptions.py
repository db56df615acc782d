"""What a sentence says is to stay: "but not the lid", "everything except the teapot", "and keep the cube as it is"."""

from __future__ import annotations

from collections.abc import Sequence

from editor3d.language.nouns import ObjectNames
from editor3d.language.vocabulary import ADJECTIVES, ARTICLES, BY_PHRASE, DETERMINERS

_MARKS = (
    *(("while", "keeping"), ("while", "leaving"), ("without", "changing"), ("without", "touching"), ("apart", "from")),
    *(("other", "than"), ("but", "not"), ("and", "not"), ("but", "keep"), ("but", "leave"), ("and", "keep")),
    *(("and", "leave"), ("except", "for"), ("but", "for"), ("except",), ("excluding",), ("keep",), ("leave",)),
)
"""How an exception begins; a comma may stand before."""
_OF_ALL = ("everything", "all")
"""After these `but` alone begins one."""
_AS_IT_IS = (
    *(("exactly", "as", "it", "is"), ("just", "as", "it", "is"), ("as", "it", "is"), ("as", "they", "are")),
    *(("as", "is"), ("as", "it", "was"), ("the", "same"), ("unchanged",), ("untouched",), ("alone",), ("intact",)),
)
"""How one may end."""
_REST = (("everything", "else"), ("the", "rest"), ("the", "background"), ("the", "surroundings"), ("all", "else"))
"""What is kept anyway where objects are named."""


def take_exceptions(words: Sequence[str], names: ObjectNames) -> tuple[list[str], tuple[str, ...], bool]:
    """Take out what is to stay.

    A phrase that begins like an exception and names no known object stays where it is: whoever reads the rest refuses
    it.

    Args:
        words: of a sentence, in small letters.
        names: the objects that the data has masks of.

    Returns:
        The other words, the objects that stay, and whether the rest of the scene is said to stay as well.

    Raises:
        InstructionError: a phrase may mean several objects.
    """
    left, kept, rest, at = list(words), [], False, 0
    while at < len(left):
        start = at + 1 if left[at] == "," else at
        mark = _at(left, start, _MARKS)
        if not mark and start > 0 and left[start - 1] in _OF_ALL and left[start : start + 1] == ["but"]:
            mark = 1
        found, objects, whole = _named(left, start + mark, names) if mark else (0, [], False)
        if not found:
            at += 1
            continue
        end = start + mark + found
        end += _at(left, end, _AS_IT_IS)
        kept += objects
        rest = rest or whole
        del left[at:end]
    return left, tuple(dict.fromkeys(kept)), rest


def _named(words: Sequence[str], at: int, names: ObjectNames) -> tuple[int, list[str], bool]:
    """How many words from `at` name objects, or the rest of the scene, one after the other; which; and the rest."""
    begun, found, whole = at, [], False
    while True:
        rest = _at(words, at, _REST)
        if rest:
            at, whole = at + rest, True
        else:
            length, objects = _object(words, at, names)
            if not length:
                break
            at, found = at + length, [*found, *objects]
        joint = 2 if list(words[at : at + 2]) == [",", "and"] else int(words[at : at + 1] in (["and"], ["or"], [","]))
        further = at + joint
        if not joint or not (_at(words, further, _REST) or _object(words, further, names)[0]):
            return at - begun, found, whole
        at = further
    return 0, [], False


def _object(words: Sequence[str], at: int, names: ObjectNames) -> tuple[int, tuple[str, ...]]:
    """How many words from `at` name one object, and which it is."""
    place, every = at, False
    while place < len(words) and words[place] in DETERMINERS | ARTICLES:
        every = every or words[place] in ("all", "both", "each", "every")
        place += 1
    modifiers: list[str] = []
    while place < len(words):
        for length in range(min(names.longest, len(words) - place), 0, -1):
            phrase = tuple(words[place : place + length])
            if phrase in names:
                return place + length - at, names.resolve(phrase, modifiers, every)
        if words[place] not in ADJECTIVES and (words[place],) not in BY_PHRASE:
            break
        modifiers.append(words[place])
        place += 1
    return 0, ()


def _at(words: Sequence[str], at: int, phrases: Sequence[tuple[str, ...]]) -> int:
    """The length of the phrase that stands at a place; 0 where none does."""
    return next((len(phrase) for phrase in phrases if tuple(words[at : at + len(phrase)]) == phrase), 0)
