"""Adapt nerfstudio's own commands: their exit codes, and how they read untrusted runs.

ns-viewer, ns-render, ns-export, ns-eval and `ns-train --load-config` read config.yml by a loader that imports and calls
whatever the file names. They load the registered methods first, and so this module: from then on what nerfstudio reads
that way is read by `config_file`. What other packages ask of the same loader is none of its business.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import nerfstudio
import yaml

from editor3d.errors import INTERRUPTED, USER_ERROR, CheckpointError, Editor3DError, sentence
from editor3d.host.versions import package_version
from editor3d.plugin.config.file import parse_config
from editor3d.run import events
from editor3d.run.stopping import RunInterrupted

_NERFSTUDIO = Path(nerfstudio.__path__[0]).resolve()
_STOCK = yaml.load
_SAFE = (yaml.SafeLoader, yaml.BaseLoader)


def protect() -> None:
    """Have nerfstudio's modules read configurations by the loader that builds listed classes only."""
    if yaml.load is not _STOCK:
        return

    @wraps(_STOCK)
    def load(stream: Any, Loader: type) -> Any:  # noqa: N803 - PyYAML's own name for it
        file = sys._getframe(1).f_globals.get("__file__")
        theirs = file is not None and Path(file).resolve().is_relative_to(_NERFSTUDIO)
        if not theirs or issubclass(Loader, _SAFE):
            return _STOCK(stream, Loader)
        text = stream if isinstance(stream, str | bytes) else stream.read()
        return _read(text if isinstance(text, str) else text.decode())

    yaml.load = load


def _read(text: str) -> Any:
    try:
        return parse_config(text, "config.yml")
    except CheckpointError as error:
        if Path(sys.argv[0]).name.startswith("ns-"):
            print(f"error: {error}", file=sys.stderr)
            raise SystemExit(USER_ERROR) from error
        raise


@contextmanager
def user_errors_exit() -> Iterator[None]:
    """Within `ns-train`: a user's mistake, or a full disk, is one sentence and exit code 2, not a traceback."""
    try:
        yield
    except (Editor3DError, OSError) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        events.emit(events.Error(sentence=sentence(error)))
        raise _left(USER_ERROR) from error
    except RunInterrupted as interrupted:
        raise _left(INTERRUPTED) from interrupted
    except KeyboardInterrupt as interrupt:
        print("Stopped at once: what was saved before is kept.", file=sys.stderr)
        raise _left(INTERRUPTED) from interrupt


def begin_events() -> None:
    """Called as `ns-train` begins: follow it where the environment says so.

    Raises:
        ConfigError: the file for events cannot be opened.
    """
    if events.write_as_environment_says():
        events.emit(events.Started(command="ns-train", version=package_version()))


def end_events(finished: bool) -> None:
    """Called as `ns-train` ends.

    Raises:
        SystemExit: it was stopped before its last step.
    """
    if not finished:
        raise _left(INTERRUPTED)
    events.emit_finished(0)


def _left(code: int) -> SystemExit:
    """What ends `ns-train` with an exit code."""
    events.emit_finished(code)
    return SystemExit(code)
