"""How many 2D edits, and calls of the editor, an edit by keys may still make."""

from __future__ import annotations

from dataclasses import dataclass

from editor3d.types import EditorInfo
from editor3d.update.forecast import calls_of, reserve_of
from editor3d.update.keys.state import KeyState


@dataclass(frozen=True)
class Budget:
    """What is left of a number of edits, by what was made of them."""

    edits: int
    """2D edits at most, without those of the anchor that someone wished again."""
    keys: int
    """How many keys there are."""
    info: EditorInfo

    @property
    def reserve(self) -> int:
        """Edits that are kept back until the others are judged."""
        return reserve_of(self.edits, self.info)

    @property
    def further(self) -> int:
        """Edits beside one of each key."""
        return min(self.reserve, max(0, self.edits - self.keys))

    @property
    def calls(self) -> int:
        """Calls where every picture comes back well."""
        return calls_of(self.keys, self.info.batch) + self.further

    @property
    def most_calls(self) -> int:
        """Calls where none does that was edited with others; never more than edits."""
        return self.calls if self.info.batch == 1 else min(self.edits, self.calls + self.keys - 1)

    def left(self, state: KeyState, made: int) -> int:
        """2D edits that may still be made, of which some were `made` in the whole run."""
        return state.first + self.edits + state.again - made

    def repeats_left(self, state: KeyState, made: int) -> int:
        """Of these, how many may repeat others."""
        return min(self.left(state, made), self.reserve - state.repeated)

    def single_calls_left(self, state: KeyState, made: int, calls: int, group: int) -> int:
        """Calls for single pictures of a group of so many that did not come back well.

        Args:
            made: 2D edits of the whole run, without the group's.
            calls: of the editor in the whole run, the group's among them.
        """
        due = max(0, min(self.keys - state.tried, self.left(state, made) - group))
        return max(0, state.first_call + self.edits + state.again - calls - -(-due // self.info.batch))
