"""Which programs the gate refuses, with its reasons: ordinary ones, harmless ones, and attacks.

Ordinary programs are those of the tests, and a file's dictionary ORDINARY or PROGRAMS (name -> source) that is given.
Of the attacks (tests/editor3d/programs/sandbox/test_gate.py) none may pass. What the gate cannot know from the text is
checked while a program runs, and held by the boundary: tests/editor3d/programs/sandbox.

python benchmarks/program_gate.py --more ../shared/cases/blender/ordinary_programs.py
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from editor3d.programs.sandbox import gate

_TESTS = Path(__file__).parent.parent / "tests" / "editor3d" / "programs"
KINDS = ("numpy", "array", "class", "annotation", "setattr")
"""Words in the names of attacks that are counted by themselves."""


def main(more: tuple[Path, ...] = ()) -> int:
    """Check all programs.

    Args:
        more: files with a dictionary of ordinary programs.
    """
    sources = {"ordinary": named(_TESTS / "ordinary.py", "ORDINARY")}
    sources["harmless"] = {name: pair[1] for name, pair in named(_TESTS / "harmless.py", "HARMLESS").items()}
    for path in more:
        sources[path.stem] = named(path)
    table = Table("programs", "refused", "because")
    passed = 0
    for kind, programs in sources.items():
        for name, source in programs.items():
            refusal = gate.check(source)
            if refusal is None:
                passed += 1
            else:
                table.add_row(kind, name, refusal)
    Console(width=150).print(table)
    attacks = named(_TESTS / "sandbox" / "test_gate.py", "HOSTILE")
    through = [name for name, source in attacks.items() if gate.check(source) is None]
    print(f"{passed} of {sum(map(len, sources.values()))} ordinary and harmless programs pass")
    counts = ", ".join(f"{sum(kind in name for name in attacks)} by {kind}" for kind in KINDS)
    print(
        f"{len(attacks) - len(through)} of {len(attacks)} attacks are refused ({counts}); passed: {through or 'none'}"
    )
    return int(bool(through))


def named(path: Path, name: str = "") -> Mapping:
    """A dictionary that a file assigns; without a name the first one, of plain texts."""
    for node in ast.parse(path.read_text()).body:
        if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)):
            continue
        if not name:
            return ast.literal_eval(node.value)
        if getattr(node.targets[0], "id", "") == name:  # of the tests, which go by the gate's limits
            return eval(compile(ast.Expression(node.value), str(path), "eval"), {"gate": gate})
    raise SystemExit(f"{path} has no dictionary {name or 'of programs'}.")


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
