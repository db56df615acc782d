"""The engine's process: reads requests from its standard input, and writes answers to its standard output."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from editor3d.errors import Editor3DError, sentence
from editor3d.host.surroundings import settle
from editor3d.service.jobs.child import end_with_parent
from editor3d.studio.engine import wire


def acts() -> dict[str, Callable[..., tuple[Any, bytes]]]:
    """What can be asked; imports torch."""
    from editor3d.studio.engine.scenes import Scenes
    from editor3d.studio.engine.words import Words

    scenes = Scenes()
    words = Words(scenes)
    return {
        "open": lambda run: (scenes.open(Path(run)).described(), b""),
        "frame": lambda run, **shot: ({}, scenes.open(Path(run)).frame(**shot)),
        "parts": lambda run, region: (_counted(scenes.open(Path(run)).parts(region)), b""),
        "marked": lambda run, **mark: (scenes.open(Path(run)).marked(**mark), b""),
        "file": lambda run: ({}, scenes.open(Path(run)).file()),
        "photograph": lambda run, view, side: ({}, scenes.open(Path(run)).photograph(view, side)),
        "editors": lambda: (words.editors(), b""),
        "check": lambda **said: (words.check(**said), b""),
        "preview": lambda **said: words.preview(**said),
    }


def _counted(which: Any) -> dict[str, int]:
    return {"parts": int(which.sum()), "of": len(which)}


def main() -> None:
    """Answer until the studio leaves."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print goes to the log
    settle()
    known = acts()
    while (message := wire.receive(sys.stdin.buffer)) is not None:
        said, _ = message
        try:
            done, body = known[said.pop("act")](**said)
        except (Editor3DError, OSError) as error:
            wire.send(answers, {"error": sentence(error)})
        except Exception as error:  # noqa: BLE001 - the engine outlives a request
            traceback.print_exc()
            wire.send(answers, {"error": f"The engine failed at this request ({type(error).__name__}): see its log."})
        else:
            wire.send(answers, {"ok": done}, body)


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))
    main()
