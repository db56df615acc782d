"""Print the 2D editors: one line each, those that are ready first; all of one; and the marks of a workflow."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from editor3d.cli.weights import EditorState, editor_state
from editor3d.editors import EditorEntry, available_editors, find_entry, resolve_auto

_STATES = ("ready", "unknown", "missing")
_STYLES = {"ready": "green", "unknown": "", "missing": "yellow"}


def print_editors() -> None:
    """One line an editor, unwrapped."""
    console = Console()
    found = [(name, entry, editor_state(name, entry)) for name, entry in available_editors().items()]
    found.sort(key=lambda one: _STATES.index(_word(one[2])))
    width = 2 + max(len(name) for name, _, _ in found)
    for name, entry, state in found:
        word = _word(state)
        line = Text(f"{name:<{width}}", "bold") + Text(f"{word:<9}", _STYLES[word]) + Text(f"{entry.info.summary}  ")
        console.print(line + Text(f"({_terms(entry)})", "dim"), soft_wrap=True)
    spec, reason = resolve_auto()
    console.print(Text("\nauto is ") + Text(spec, "bold") + Text(f": {reason}"), soft_wrap=True)
    console.print("editor3d editors NAME says how to use one, and how to get what is missing.", soft_wrap=True)


def print_editor(name: str) -> None:
    """All of one editor.

    Raises:
        ConfigError: there is none of this name.
    """
    entry = find_entry(name)
    state, info, console = editor_state(name, entry), entry.info, Console()
    takes = [
        *(["masks"] if info.accepts_mask else []),
        *(["named objects"] if info.edits_objects else []),
        *([f"{info.references} references"] if info.references else []),
        *(["garments"] if info.needs_garment else []),
        *(["seeds"] if info.varies_with_seed else []),
    ]
    lines = [
        info.summary,
        f"use it:     {state.call}",
        f"licence:    {info.license}",
        *([f"size:       {info.download}"] if info.download else []),
        *([f"takes:      {', '.join(takes)}"] if takes else []),
        *(["pictures leave this machine, and each edit may cost money"] if info.remote else []),
        *([f"to get it:  {state.remedy}"] if state.remedy else []),
    ]
    word = _word(state)
    console.print(Text(f"{name}  ", "bold") + Text(word, _STYLES[word]))
    for line in lines:
        console.print(Text(f"    {line}"), soft_wrap=True)


def print_workflow(path: Path) -> None:
    """Where a ComfyUI workflow takes the picture, the words and the rest.

    Raises:
        ConfigError: it is none in API format, or lacks what an edit needs.
    """
    from editor3d.editors.servers.workflow import ROLES, Workflow

    workflow, console = Workflow(path), Console()
    for role in ROLES:
        for mark in workflow.of(role):
            number = f" {mark.number}" if role == "reference" else ""
            place = f"node {mark.node}, {workflow.kind(mark.node)}" + (f", input {mark.input}" if mark.input else "")
            named = f"  '{workflow.title(mark.node)}'"
            console.print(
                Text(f"{role + number:<13}", "bold") + Text(f"{place}  (by its {mark.found_by}){named}"), soft_wrap=True
            )
    if workflow.takes_mask_by_alpha:
        console.print("The mask goes into the picture's transparency.")


def _word(state: EditorState) -> str:
    return "missing" if state.remedy else "ready" if state.ready else "unknown"


def _terms(entry: EditorEntry) -> str:
    """Licence and size, or that it is paid for."""
    return entry.info.license + (f", {entry.info.download}" if entry.info.download else "")
