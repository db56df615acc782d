"""What an edit will take, said before any of it is paid."""

from __future__ import annotations

from dataclasses import dataclass

from editor3d.types import EditorInfo


@dataclass(frozen=True)
class Forecast:
    """2D edits of a run, and what they take by the editor's own figures."""

    views: tuple[str, ...]
    """The names of those that are edited, the anchor first."""
    covered: float | None
    """The share of what all views show that these show, 0..1; None where nobody looked."""
    of: int
    """How many views there are."""
    further: int
    """Further edits: of views whose edit did not come out well, or of later rounds."""
    seconds: float | None
    """Of all edits; None where the editor does not say."""
    cost: float | None
    """US dollars of all edits; None where none are paid."""

    @property
    def edits(self) -> int:
        """2D edits in all."""
        return len(self.views) + self.further

    def sentence(self) -> str:
        """The forecast for a reader."""
        parts = [f"{self.edits} 2D edits"]
        if len(self.views) < self.of:
            shown = "" if self.covered is None else f", which show {self.covered:.0%} of all"
            parts = [f"{parts[0]}: {len(self.views)} of {self.of} views{shown}"]
            if self.further:
                parts.append(f"and {self.further} to repeat what does not come out well")
        else:
            parts = [f"{parts[0]} of all {self.of} views"]
        if self.cost is not None:
            parts.append(f"for about ${self.cost:.2f}")
        if self.seconds is not None:
            parts.append(f"in about {self.seconds:.0f} s")
        return ", ".join(parts) + "."


def reserve_of(edits: int, info: EditorInfo) -> int:
    """How many of some 2D edits are kept back to repeat others: none where an edit can only come out the same."""
    return (edits + 1) // 6 if info.varies_with_seed or info.remote else 0


def forecast(names: tuple[str, ...], covered: float | None, of: int, further: int, info: EditorInfo) -> Forecast:
    """The forecast of a run by an editor of these figures."""
    edits = len(names) + further
    return Forecast(
        names,
        covered,
        of,
        further,
        seconds=None if info.seconds is None else edits * info.seconds,
        cost=None if info.price is None else edits * info.price,
    )
