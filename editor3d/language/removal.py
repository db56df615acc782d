"""Instructions that want something gone, and nothing else."""

from __future__ import annotations

from editor3d.language.tokens import split_words

_VERBS = frozenset(["remove", "delete", "erase", "eliminate"])
_POLITE = frozenset(["please", "just", "now", "completely"])
_OTHER_WISHES = frozenset(
    ["make", "turn", "put", "add", "paint", "replace", "change", "give", "color", "colour", "move", "instead", "with"]
)


def wants_removal(instruction: str) -> bool:
    """Whether a sentence asks to take something out of the scene: "remove the mug", "take the mug away"."""
    words = [word for word in split_words(instruction) if word not in _POLITE]
    if len(words) < 2 or _OTHER_WISHES & set(words):
        return False
    if words[0] in _VERBS or words[:3] == ["get", "rid", "of"]:
        return True
    return words[0] == "take" and (words[-1] == "away" or words[1] in ("away", "out"))
