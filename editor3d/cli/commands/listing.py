"""`editor3d list`: list methods, editors and presets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True)
class List:
    """List the nerfstudio methods and the systems that they carry out, the 2D editors or the presets."""

    what: Annotated[
        tyro.conf.Positional[Literal["methods", "editors", "presets"]],
        tyro.conf.arg(metavar="methods|editors|presets"),
    ]
    """Methods are trained with ns-train or chosen with --method; editors are chosen with --editor, presets with
    --preset."""

    def run(self) -> int:
        {"methods": print_methods, "editors": print_editors, "presets": print_presets}[self.what]()
        return 0


def print_methods() -> None:
    """One line a method, then one a system by the name of its paper, unwrapped, so that its command can be copied."""
    from rich.console import Console
    from rich.text import Text

    from editor3d.methods import available_methods
    from editor3d.registry import SYSTEMS

    console = Console()
    methods = available_methods()
    width = max(map(len, methods)) + 2
    for name, entry in methods.items():
        console.print(Text(f"{name:<{width}}", "bold") + Text(f"{entry.kind:<6}{entry.summary}"), soft_wrap=True)
    console.print("\nThe systems by the names of their papers, and what runs each:", soft_wrap=True)
    width = max(map(len, SYSTEMS)) + 2
    for name, command in SYSTEMS.items():
        console.print(Text(f"{name:<{width}}", "bold") + Text(command), soft_wrap=True)


def print_editors() -> None:
    """A few lines an editor, unwrapped, so that commands can be copied."""
    from rich.console import Console
    from rich.text import Text

    from editor3d.cli.weights import editor_state
    from editor3d.editors import available_editors, resolve_auto

    console = Console()
    for name, entry in available_editors().items():
        state = editor_state(name, entry)
        mark = Text("missing", "yellow") if state.remedy else Text("ready", "green") if state.ready else Text("unknown")
        size = f"  {entry.info.download}" if entry.info.download else ""
        console.print(Text(f"{name}  ", "bold") + mark + Text(f"  {entry.info.license}{size}", "dim"), soft_wrap=True)
        lines = [entry.info.summary, f"use it:    {state.call}"]
        if state.remedy:
            lines.append(f"to get it: {state.remedy}")
        for line in lines:
            console.print(Text(f"    {line}"), soft_wrap=True)
    spec, reason = resolve_auto()
    console.print(Text("\nauto is ") + Text(spec, "bold") + Text(f": {reason}"), soft_wrap=True)


def print_presets() -> None:
    """One line a preset."""
    from rich.console import Console
    from rich.text import Text

    from editor3d.plugin.train.presets import preset_names, read_preset
    from editor3d.programs.core.presets import PRESETS

    console = Console()
    presets = {name: read_preset(name) for name in preset_names()}
    presets |= {name: {"method": "refine", "summary": preset.summary} for name, preset in PRESETS.items()}
    width = max(map(len, presets), default=0) + 2
    methods = max((len(preset["method"]) for preset in presets.values()), default=0) + 2
    for name, preset in presets.items():
        line = Text(f"{name:<{width}}", "bold") + Text(f"{preset['method']:<{methods}}{preset['summary']}")
        console.print(line, soft_wrap=True)
