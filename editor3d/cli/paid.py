"""What a command may spend on 2D edits, and send away for them, as flags."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from editor3d.run.consent import Consent, consenting


@dataclass(frozen=True)
class PaidOptions:
    """Flags of commands whose 2D edits a service may charge for."""

    yes: bool = False
    """Pay for the 2D edits of a service without being asked; the total is printed before the first."""
    budget: float | None = None
    """Let the 2D edits cost this many US dollars at most, without being asked; an edit that may cost more is refused
    before it begins."""
    send_faces: bool = False
    """Send pictures to a service with the faces and number plates in them; otherwise those are blurred before, and put
    back afterwards."""

    def consenting(self) -> AbstractContextManager[Consent]:
        """Within it edits are paid for, and faces sent, as far as these flags allow."""
        return consenting(self.yes, self.budget, self.send_faces)
