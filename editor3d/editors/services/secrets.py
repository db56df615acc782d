"""Remove keys from a service's messages, which errors, logs and records may repeat."""

from __future__ import annotations

import base64
import html
import json
import re
from functools import lru_cache
from urllib.parse import quote

MASK = "[key]"
_PART = 8
"""Characters in a row that give a part of a key away."""
_LIKE_A_KEY = re.compile(r"\b(?:sk|rk|pk)-[\w*.-]{3,}|\bBearer\s+\S+")


def masked(text: str, key: str) -> str:
    """A text without a key, without a part of 8 or more characters of it, and without what looks like a key.

    The key is found as it is, in either case, percent-encoded, escaped as in JSON or HTML, in hexadecimal digits, and
    in base64, alone or within something longer.

    Args:
        text: what a service said.
        key: empty for none.
    """
    forms = _forms(key)
    for form in sorted(forms, key=len, reverse=True):
        text = re.sub(re.escape(form), MASK, text, flags=re.IGNORECASE)
    parts = {form.lower()[at : at + _PART] for form in forms for at in range(len(form) - _PART + 1)}
    if parts:
        text = _without_parts(text, parts)
    return _LIKE_A_KEY.sub(MASK, text)


def _without_parts(text: str, parts: set[str]) -> str:
    """Every run of characters that parts cover, replaced."""
    folded = text.lower()
    if len(folded) != len(text):  # a letter whose small form has two characters
        folded = "".join(letter.lower()[:1] for letter in text)
    kept, shown, end = [], 0, -1
    for at in range(len(folded) - _PART + 1):
        if folded[at : at + _PART] in parts:
            if at > end:
                kept.append(text[shown:at] + MASK)
            end = shown = at + _PART
    return "".join([*kept, text[shown:]])


@lru_cache(maxsize=8)
def _forms(key: str) -> frozenset[str]:
    """How a key may be written."""
    if not key:
        return frozenset()
    content = key.encode()
    forms = {key, key[::-1], quote(key), quote(key, safe=""), json.dumps(key)[1:-1], html.escape(key), content.hex()}
    for before in range(3):  # base64 writes three bytes as four characters: what stands before shifts it
        coded = base64.b64encode(bytes(before) + content).decode().rstrip("=")
        # characters at the ends hold bits of the neighbours as well
        inner = coded[-(-8 * before // 6) : (8 * (before + len(content))) // 6]
        forms |= {inner, inner.replace("+", "-").replace("/", "_")}
    return frozenset(form for form in forms if len(form) >= min(len(key), _PART))
