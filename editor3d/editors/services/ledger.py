"""Record what was spent on paid edits, in a file that survives crashes, so that a cap holds for all runs together."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from editor3d.errors import ServiceError
from editor3d.run.consent import consent

DAY = 24 * 3600.0


class Ledger:
    """Payments in a file, one JSON line each, and a budget for any 24 hours."""

    def __init__(self, path: Path, budget: float, clock: Callable[[], float] = time.time) -> None:
        """Remember where it is; nothing is written before the first payment.

        Args:
            path: the file; processes that share it share the budget.
            budget: US dollars that may be spent within 24 hours.
            clock: seconds since the epoch.
        """
        self.path, self.budget, self._clock = path, budget, clock

    def spent(self) -> float:
        """US dollars spent in the last 24 hours. A line that a crash left unfinished does not count."""
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return 0.0
        total, since = 0.0, self._clock() - DAY
        for line in lines:
            try:
                payment = json.loads(line)
                total += payment["usd"] if payment["time"] > since else 0.0
            except (ValueError, KeyError, TypeError):
                continue
        return total

    def left(self) -> float:
        """US dollars of the budget that may be spent now."""
        return max(0.0, self.budget - self.spent())

    def pay(self, usd: float, request: str = "") -> None:
        """Write a payment down before it is made, or, with a negative amount, that it was not made after all.

        Args:
            usd: US dollars.
            request: digest of all that is sent, so that it can be seen what each payment was for.

        Raises:
            ServiceError: it would go beyond the budget; nothing is written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path.touch(mode=0o600)
        with FileLock(f"{self.path}.lock"):
            spent = self.spent()
            if usd > 0.0 and spent + usd > self.budget + 1e-9:
                raise ServiceError(
                    f"An edit of {usd:.2f} US dollars would go beyond the budget: {spent:.2f} of {self.budget:.2f} "
                    "were spent in the last 24 hours; raise EDITOR3D_SERVICE_BUDGET, correct EDITOR3D_SERVICE_PRICE, "
                    "or resume later."
                )
            consent().count(usd)
            with self.path.open("a+b") as file:
                # What a crash left unfinished must not swallow this line.
                file.seek(0, 2)
                if file.tell():
                    file.seek(-1, 2)
                    torn = file.read(1) != b"\n"
                else:
                    torn = False
                line = json.dumps({"time": self._clock(), "usd": usd, **({"request": request} if request else {})})
                file.write((b"\n" if torn else b"") + line.encode() + b"\n")
