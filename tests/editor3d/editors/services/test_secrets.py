"""A key does not come back in what a service says, however it is written."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editor3d.editors.services.secrets import MASK, masked

KEY = "gx+9/Qw2&Lk7=Zt4Rb8"
FORMS = {
    "as it is": KEY,
    "small letters": KEY.lower(),
    "capitals": KEY.upper(),
    "percent": quote(KEY, safe=""),
    "percent, slashes kept": quote(KEY),
    "JSON": json.dumps(KEY)[1:-1],
    "HTML": html.escape(KEY),
    "hexadecimal": KEY.encode().hex(),
    "base64": base64.b64encode(KEY.encode()).decode(),
    "base64 for addresses": base64.urlsafe_b64encode(KEY.encode()).decode(),
    "basic authentication": base64.b64encode(f"user:{KEY}".encode()).decode(),
    "after two bytes": base64.b64encode(f"ab{KEY}cd".encode()).decode(),
    "its first eight": KEY[:8],
    "its last nine": KEY[-9:],
    "its middle": KEY[5:14],
    "backwards": KEY[::-1],
}


@pytest.mark.parametrize("name", FORMS)
def test_a_key_is_masked_in_every_form(name: str) -> None:
    told = masked(f"Incorrect key <{FORMS[name]}> given.", KEY)
    assert MASK in told
    assert told.startswith("Incorrect key <")
    assert told.endswith("> given.")
    for at in range(len(FORMS[name]) - 11):
        assert FORMS[name][at : at + 12].lower() not in told.lower()


def test_other_words_stay() -> None:
    told = "The model is overloaded; try again in 20 s."
    assert masked(told, KEY) == told
    assert masked(told, "") == told


def test_what_looks_like_a_key_is_masked_without_one() -> None:
    assert masked("Incorrect API key provided: sk-proj-****abcd.", "") == f"Incorrect API key provided: {MASK}"
    assert masked("Bearer abc.def", "") == MASK


@given(st.text(max_size=60), st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=40))
def test_no_eight_characters_of_a_key_stay(text: str, key: str) -> None:
    told = masked(f"{text}{key}{text}", key).replace(MASK, "\0")
    assert not any(key[at : at + 8] in told for at in range(len(key) - 7))
