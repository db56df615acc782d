"""Drop the messages of nerfstudio that the project's own lines replace; its warnings and errors still appear."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nerfstudio.utils.rich_utils import CONSOLE

LEFT_OUT = (
    "Mixed precision is disabled for CPU training",
    "Saving checkpoints to:",
    "logging events to:",
    "disabled local writer",
)
"""Parts of the lines that are dropped."""


@contextmanager
def without_chatter() -> Iterator[None]:
    """nerfstudio's console drops the lines with one of `LEFT_OUT` meanwhile, and prints all others."""
    kept = CONSOLE.print, CONSOLE.log
    CONSOLE.print, CONSOLE.log = map(_unless_left_out, kept)
    try:
        yield
    finally:
        CONSOLE.print, CONSOLE.log = kept


def _unless_left_out(tell: Callable[..., None]) -> Callable[..., None]:
    def quiet_print(*said: Any, **style: Any) -> None:
        if not any(part in str(one) for one in said for part in LEFT_OUT):
            tell(*said, **style)

    return quiet_print
