"""`editor3d doctor`: check that everything that editing needs is installed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from editor3d.cli.checks import Check


@dataclass(frozen=True)
class Doctor:
    """Check versions, device, system libraries, weights and folders; name what is missing and how to get it.

    Ends with exit code 0 when all that editing needs is there, else 1.
    """

    output: Path = Path("outputs")
    """Check this folder, where results will go."""
    missing: bool = False
    """Print only what editing needs and lacks, and how to get it; nothing where all of it is here."""
    json: bool = False
    """Print the checks as JSON."""

    def run(self) -> int:
        from editor3d.cli import checks
        from editor3d.cli.weights import check_weights

        temporary = checks.check_temporary()
        found = [temporary]
        if temporary.ok:
            found = [
                *checks.check_packages(),
                *checks.check_methods(),
                *checks.check_device(),
                *checks.check_system_libraries(),
                *check_weights(),
                *checks.check_places(self.output),
            ]
        if self.json:
            print(as_json(found))
        elif not self.missing:
            print_checks(found)
        elif not all_well(found):
            print_checks([check for check in found if check.required and not check.ok])
        return 0 if all_well(found) else 1


def all_well(checks: Sequence[Check]) -> bool:
    """Whether every required check is."""
    return all(check.ok for check in checks if check.required)


def as_json(checks: Sequence[Check]) -> str:
    """`{"ok": …, "checks": […]}`, a check with the fields of `Check`."""
    import json

    return json.dumps({"ok": all_well(checks), "checks": [asdict(check) for check in checks]}, indent=2)


def print_checks(checks: Sequence[Check]) -> None:
    """Group by group for people; what is wrong comes with its remedy, unwrapped, so that it can be copied."""
    from rich.console import Console
    from rich.text import Text

    console = Console()
    width = max(len(check.name) for check in checks) + 2
    for group, members in groupby(checks, key=lambda check: check.group):
        console.print(Text(group, "bold"))
        for check in members:
            console.print(Text("  ") + _mark(check) + Text(f"{check.name:<{width}}{check.detail}"), soft_wrap=True)
            if not check.ok:
                console.print(Text(f"{'':12}to get it: {check.remedy}"), soft_wrap=True)
        console.print()
    missing = [check.name for check in checks if check.required and not check.ok]
    optional = [check.name for check in checks if not check.required and not check.ok]
    if missing:
        console.print(Text(f"Editing needs: {', '.join(missing)}.", "bold red"), soft_wrap=True)
    else:
        console.print(Text("Everything that editing needs is here.", "bold green"))
    if optional:
        console.print(Text(f"Optional and missing: {', '.join(optional)}."), soft_wrap=True)


def _mark(check: Check) -> Text:
    from rich.text import Text

    if check.ok:
        return Text(f"{'ok':<10}", "green")
    return Text(f"{'MISSING':<10}", "bold red") if check.required else Text(f"{'optional':<10}", "yellow")
