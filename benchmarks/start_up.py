"""Time the commands that only print information, beside a bare interpreter, and list what they import.

python benchmarks/start_up.py
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

import tyro
from rich.console import Console
from rich.table import Table

CALLS = {
    "python -c pass": ("-c", "pass"),
    "editor3d --help": ("-m", "editor3d.cli", "--help"),
    "editor3d --version": ("-m", "editor3d.cli", "--version"),
    "editor3d list methods": ("-m", "editor3d.cli", "list", "methods"),
    "editor3d edit --help": ("-m", "editor3d.cli", "edit", "--help"),
    "import editor3d": ("-c", "import editor3d"),
}
WATCHED = ("numpy", "torch", "nerfstudio", "tyro", "rich")
MOST_SECONDS = 0.1
"""What `editor3d --help` may take."""


@dataclass(frozen=True)
class StartUp:
    """Time the commands that only tell something. Ends with exit code 1 where help takes longer than 0.1 s."""

    times: int = 10
    """Calls of each."""

    def run(self) -> int:
        table = Table(title="Seconds of a whole process")
        for column in ("call", "fastest", "median", "modules", "among them"):
            table.add_column(column, justify="left" if column in ("call", "among them") else "right")
        fastest = {}
        for name, words in CALLS.items():
            taken = [seconds(words) for _ in range(self.times)]
            found = imports(words)
            fastest[name] = min(taken)
            heavy = ", ".join(module for module in WATCHED if module in found)
            table.add_row(name, f"{min(taken):.3f}", f"{statistics.median(taken):.3f}", str(len(found)), heavy or "-")
        Console().print(table)
        return int(fastest["editor3d --help"] > MOST_SECONDS)


def seconds(words: tuple[str, ...]) -> float:
    """From the start of Python with `words` to its end."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    return time.perf_counter() - began


def imports(words: tuple[str, ...]) -> set[str]:
    """The modules that Python imports for `words`."""
    said = subprocess.run([sys.executable, "-X", "importtime", *words], check=True, capture_output=True, text=True)
    return set(re.findall(r"^import time: +\d+ \| +\d+ \| +(\S+)$", said.stderr, re.MULTILINE))


if __name__ == "__main__":
    sys.exit(tyro.cli(StartUp).run())
