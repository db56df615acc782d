"""Decode the text of mesh files, which come in many encodings and from every system."""

from __future__ import annotations

import codecs
import warnings

import numpy as np

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def text_of(content: bytes) -> str:
    """The text of bytes in UTF-8, in what their byte order mark says, or else in Latin-1, which takes any bytes."""
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return content.decode("latin-1")


def lines_of(text: str) -> list[str]:
    """Lines that end as on Unix, Windows or an old Mac; a backslash at the end joins the next one."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("\\\n", " ").split("\n")


def numbers_of(text: str | bytes) -> np.ndarray:
    """All numbers of a text with white space between them: [N] float64.

    Raises:
        ValueError: there is something else than numbers in it.
    """
    if not text.strip():
        return np.zeros(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            return np.fromstring(text, np.float64, sep=" ")
        except DeprecationWarning as error:
            raise ValueError("something else than a number stands among its numbers") from error


def table_of(rows: list[list[str]], width: int) -> np.ndarray:
    """The first `width` numbers of rows of words: [N, width] float64; what a row lacks is NaN.

    Raises:
        ValueError: a word is no number.
    """
    if not rows:
        return np.zeros((0, width))
    if all(len(row) == width for row in rows):
        return np.array(rows, np.float64)
    return np.array([[*row[:width], *["nan"] * (width - len(row))] for row in rows], np.float64)
