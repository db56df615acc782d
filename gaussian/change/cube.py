"""Colour tables of .cube files: curves of one dimension, and tables of three."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import map_coordinates

from editor3d.errors import DataError
from editor3d.files.safe_open import require_regular

_MAX_BYTES = 1 << 26
_MOST = {"LUT_1D_SIZE": 65536, "LUT_3D_SIZE": 129}


@dataclass(frozen=True, eq=False)
class Cube:
    """A table of encoded colours."""

    table: np.ndarray
    """[S, 3], a curve for each of red, green and blue; or [S, S, S, 3] by blue, green and red."""
    low: np.ndarray
    high: np.ndarray
    """The colours [3] that the table's ends stand for."""

    def __call__(self, colors: np.ndarray) -> np.ndarray:
        """Colours [..., 3], between the table's entries by linear interpolation; beyond its ends, the ends'."""
        steps = (colors - self.low) / (self.high - self.low) * (len(self.table) - 1)
        if self.table.ndim == 2:
            at = np.arange(len(self.table))
            return np.stack([np.interp(steps[..., c], at, self.table[:, c]) for c in range(3)], -1)
        places = [steps[..., 2], steps[..., 1], steps[..., 0]]  # red changes fastest
        parts = [map_coordinates(self.table[..., c], places, order=1, mode="nearest") for c in range(3)]
        return np.stack(parts, -1)


def read_cube(path: Path) -> Cube:
    """
    Raises:
        DataError: no such file, or it is no table of colours.
    """
    if not path.exists():
        raise DataError(f"Expected a .cube file at {path}, found nothing there: check the path.")
    require_regular(path)
    if path.stat().st_size > _MAX_BYTES:
        raise DataError(f"Expected a .cube file of at most {_MAX_BYTES >> 20} MiB at {path}, got a larger one.")
    kind, size, rows = "", 0, []
    ends = {"DOMAIN_MIN": np.zeros(3), "DOMAIN_MAX": np.ones(3)}
    for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines():
        words = line.partition("#")[0].split()
        try:
            match words:
                case []:
                    continue
                case [("LUT_1D_SIZE" | "LUT_3D_SIZE") as kind, number]:
                    size = int(number)
                case [("DOMAIN_MIN" | "DOMAIN_MAX") as end, *numbers]:
                    ends[end] = np.array([float(number) for number in numbers])
                case [("LUT_1D_INPUT_RANGE" | "LUT_3D_INPUT_RANGE"), low, high]:
                    ends = {"DOMAIN_MIN": np.full(3, float(low)), "DOMAIN_MAX": np.full(3, float(high))}
                case [word, *_] if word[0].isalpha() and word.lower() not in ("nan", "inf"):
                    continue  # a title, or what another program notes
                case _:
                    rows.append([float(word) for word in words])
        except ValueError as error:
            raise DataError(f"Expected numbers in {path}, got {line[:60]!r}: export the table anew.") from error
    if not 2 <= size <= _MOST.get(kind, 0):
        raise DataError(f"Expected LUT_1D_SIZE or LUT_3D_SIZE of 2 or more in {path}, found {size}: export it anew.")
    needed = size if kind == "LUT_1D_SIZE" else size**3
    if len(rows) != needed or any(len(row) != 3 for row in rows):
        raise DataError(f"Expected {needed} rows of three numbers in {path}, found {len(rows)}: export the table anew.")
    table, low, high = np.array(rows), ends["DOMAIN_MIN"], ends["DOMAIN_MAX"]
    if not np.isfinite(table).all() or len(low) != 3 or len(high) != 3 or not (high > low).all():
        raise DataError(f"Expected finite numbers and a rising domain in {path}, found others: export the table anew.")
    return Cube(table if kind == "LUT_1D_SIZE" else table.reshape(size, size, size, 3), low, high)
