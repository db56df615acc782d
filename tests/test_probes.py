"""What a thing offers is asked for by its fields and methods; looking for a name is left to what reflects."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("editor3d/plugin", "editor3d/run", "editor3d/update", "editor3d/outputs", "nerf_methods", "gaussian", "mesh")
MOST = 15
PROBE = re.compile(r"\b(hasattr|getattr)\(|\bin vars\([^()]*\)(?!\.)|\bvars\([^()]*\)\.(get\(|keys\()")
"""`vars` finds what `hasattr` would."""


def probes() -> list[tuple[str, str, str]]:
    """Where a name is looked for at run time: the place, the line and the line before."""
    found = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            lines = ["", *path.read_text().splitlines()]
            for number, (before, line) in enumerate(zip(lines, lines[1:], strict=False), start=1):
                if PROBE.search(line):
                    found.append((f"{path.relative_to(ROOT)}:{number}", line, before))
    return found


def test_few_places_probe_and_each_says_why():
    found = probes()
    assert 0 < len(found) <= MOST, [place for place, *_ in found]
    unexplained = [place for place, line, before in found if "#" not in line and not before.strip().startswith("#")]
    assert not unexplained
