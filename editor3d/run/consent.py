"""What a user agreed to pay for. A command asks before an edit begins; from Python, calling is agreeing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from editor3d.errors import ConfigError, ServiceError


@dataclass
class Consent:
    """An answer that was given, or how to get one."""

    yes: bool = False
    """Whatever it costs, within the services' own budget."""
    limit: float | None = None
    """US dollars that all of it may cost; None where nobody said."""
    ask: Callable[[str], bool] | None = None
    """Shows a question and tells whether the answer is yes; None where nobody can be asked."""
    faces: bool = False
    """Faces and number plates may be sent to a service."""
    spent: float = field(default=0.0, init=False)
    """US dollars of this command so far."""

    def require(self, usd: float) -> None:
        """Let an edit begin that costs at most `usd` US dollars.

        Raises:
            ConfigError: it may cost more than was agreed to, or nobody agreed.
        """
        if self.limit is not None:
            if usd > self.limit + 1e-9:
                raise ConfigError(
                    f"Expected an edit of at most ${self.limit:.2f}, but this one may cost ${usd:.2f}: edit fewer "
                    f"views (--edits N), or raise --budget."
                )
        elif not self.yes and not (self.ask is not None and self.ask(f"Pay up to ${usd:.2f} for it? [y/N] ")):
            raise ConfigError(f"Expected a yes to paying up to ${usd:.2f}, got none: give --yes, or --budget USD.")

    def count(self, usd: float) -> None:
        """Count a payment, or, with a negative amount, one that was not made after all.

        Raises:
            ServiceError: all payments together would go beyond the limit; it is not counted.
        """
        if self.limit is not None and usd > 0.0 and self.spent + usd > self.limit + 1e-9:
            raise ServiceError(
                f"A request of ${usd:.2f} would go beyond the ${self.limit:.2f} of --budget, of which "
                f"${self.spent:.2f} are spent: resume with a larger one, and what was made is kept."
            )
        self.spent += usd


_EVERYTHING = Consent(yes=True)
_given: Consent = _EVERYTHING


def consent() -> Consent:
    """What the running command may spend; everything where no command asks."""
    return _given


@contextmanager
def consenting(yes: bool, limit: float | None, faces: bool = False) -> Iterator[Consent]:
    """Within it edits that are paid for need a yes.

    Args:
        yes: it is given already.
        limit: US dollars that all of it may cost, which is a yes as well; None asks at the terminal.
        faces: faces and number plates may be sent to a service.

    Raises:
        ConfigError: the limit is below 0.
    """
    global _given
    if limit is not None and not 0.0 <= limit < float("inf"):
        raise ConfigError(f"Expected US dollars of at least 0 for --budget, got {limit:g}: name what it may cost.")
    before = _given
    asks = sys.stdin is not None and sys.stdin.isatty()
    _given = Consent(yes, limit, _ask_terminal if asks else None, faces)
    try:
        yield _given
    finally:
        _given = before


def _ask_terminal(question: str) -> bool:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
