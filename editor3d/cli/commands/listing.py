"""`editor3d list` and `editor3d editors`: list methods, editors and presets, and say all of an editor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
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
        from editor3d.cli.editor_list import print_editors

        {"methods": print_methods, "editors": print_editors, "presets": print_presets}[self.what]()
        return 0


@dataclass(frozen=True)
class Editors:
    """List the 2D editors, those that are ready first; say all of one; or show what a ComfyUI workflow takes where.

    Without words it lists them, one line each: name, whether it is ready, licence and size, what it does.
    """

    what: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="[NAME|inspect]")] = ""
    """Name an editor to be told how to use it and how to get it; or inspect a workflow."""
    workflow: Annotated[tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="[WORKFLOW.json]")] = None
    """With inspect: Name a ComfyUI workflow in API format."""

    def run(self) -> int:
        from editor3d.cli.editor_list import print_editor, print_editors, print_workflow
        from editor3d.errors import ConfigError

        if (self.what == "inspect") != (self.workflow is not None):
            raise ConfigError("Expected a workflow with inspect, and none with a name: editor3d editors inspect FILE.")
        if self.workflow is not None:
            print_workflow(self.workflow)
        elif self.what:
            print_editor(self.what)
        else:
            print_editors()
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
