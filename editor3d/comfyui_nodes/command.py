"""Run the command `editor3d` and read what it made. Imports nothing of the project: ComfyUI has a Python of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

VARIABLE = "EDITOR3D"
"""Names the command, where it is not in the path."""
_PAUSE = 0.2
"""Seconds between two looks at its progress."""


def command() -> list[str]:
    """The words that start the command.

    Raises:
        RuntimeError: it is not installed.
    """
    named = os.environ.get(VARIABLE, "").strip()
    found = named or shutil.which("editor3d")
    if not found:
        raise RuntimeError(
            f"Expected the command editor3d, found none: install it by pip install editor3d, or set {VARIABLE} to it."
        )
    return [found]


def run(words: Sequence[str], on_progress: Callable[[int, int], None] = lambda done, total: None) -> dict[str, str]:
    """Run one command to its end.

    Args:
        words: those after `editor3d`.
        on_progress: called with how much is done of how much.

    Returns:
        The paths of what it made, by kind: the newest of each.

    Raises:
        RuntimeError: it failed; its own sentence.
    """
    with tempfile.TemporaryDirectory() as folder:
        events, log = Path(folder, "events.jsonl"), Path(folder, "log.txt")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command(), *words, "--events", str(events)], stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
            try:
                while True:
                    try:
                        code = process.wait(timeout=_PAUSE)
                        break
                    except subprocess.TimeoutExpired:
                        done, total = _progress(_read(events))
                        on_progress(done, total)
            except BaseException:  # ComfyUI interrupts a workflow by an exception
                process.terminate()
                process.wait()
                raise
        told = _read(events)
        if code != 0:
            errors = [str(event["sentence"]) for event in told if event.get("event") == "error"]
            raise RuntimeError(errors[-1] if errors else log.read_text(errors="replace")[-800:])
        return {str(event["kind"]): str(event["path"]) for event in told if event.get("event") == "result"}


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:  # it is being written just now
            continue
    return [event for event in found if isinstance(event, dict)]


def _progress(told: Sequence[dict[str, Any]]) -> tuple[int, int]:
    newest = next((event for event in reversed(told) if event.get("event") == "progress"), None)
    return (0, 0) if newest is None else (int(newest["done"]), int(newest["total"]))


def bar(total: int = 100) -> Callable[[int, int], None]:
    """What shows progress in ComfyUI's window; nothing elsewhere."""
    utilities = sys.modules.get("comfy.utils")
    if utilities is None:
        return lambda done, of: None
    shown = utilities.ProgressBar(total)
    return lambda done, of: shown.update_absolute(int(total * done / of) if of else 0)
