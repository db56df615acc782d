"""How long one call of a 2D editor takes on this machine, as earlier runs measured it: forecasts of time need that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from statistics import median

from editor3d.errors import Editor3DError
from editor3d.files.writing import write_json
from editor3d.host.surroundings import cache_folder

FILE = "seconds_per_edit.json"
KEPT = 15
"""Times that are kept of one editor: its newest."""
_KNOWN = 200
"""Editors and sizes whose times are kept: the newest."""


@dataclass(frozen=True)
class Pace:
    """The times of one editor at one size of pictures.

    What cannot be kept or read is as good as never measured: an edit does not depend on it.

    Args:
        editor: its spec, of which only a digest is kept, since it may name folders and addresses.
        diffusion_steps: denoising steps of one call.
        size: (height, width) of the pictures, pixels.
        folder: where times are kept.
    """

    editor: str
    diffusion_steps: int
    size: tuple[int, int]
    folder: Path = field(default_factory=lambda: cache_folder() / "pace")

    def note(self, seconds: float) -> None:
        """Keep the time of one call."""
        times = dict(self._read())
        own = [*times.pop(self._name, []), round(seconds, 4)]
        with suppress(Editor3DError, OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_json(self.folder / FILE, dict([*times.items(), (self._name, own[-KEPT:])][-_KNOWN:]))

    @property
    def seconds(self) -> float | None:
        """Seconds that one call takes, the median of those kept; None where none was measured."""
        times = self._read().get(self._name)
        return median(times) if times else None

    @property
    def _name(self) -> str:
        height, width = self.size
        said = f"{self.editor} {self.diffusion_steps} {height}x{width}"
        return blake2b(said.encode(), digest_size=8).hexdigest()

    def _read(self) -> Mapping[str, list[float]]:
        try:
            found = json.loads((self.folder / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(found, dict):
            return {}
        return {name: times for name, times in found.items() if _are_times(times)}


def _are_times(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(v, int | float) and 0 <= v < 1e6 for v in value)
