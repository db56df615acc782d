"""The folders of runs: one each, used by one process at a time."""

from __future__ import annotations

import hashlib
import itertools
import os
import shlex
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from editor3d.errors import Editor3DError
from editor3d.files.writing import sweep


def new_run_folder(parent: Path) -> Path:
    """Make a folder in `parent` that is named after this second, with a number where another run began in it.

    Raises:
        Editor3DError: the folder cannot be made.
    """
    stamp = time.strftime("%Y-%m-%d_%H%M%S")
    for number in itertools.count(1):
        folder = parent / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            folder.mkdir(parents=True)
            break
        except FileExistsError:
            continue
        except OSError as error:
            raise _not_made(folder, error) from error
    return folder


def resume_command(run: Path) -> str:
    """What to type to continue a run, whatever its folder is called."""
    return f"editor3d resume {shlex.quote(str(run))}"


def remove_empty(run: Path, above: int = 2) -> None:
    """Remove a run's folder and those above it, by default its method's and its scene's, as far as they are empty."""
    for folder in (run, *run.parents[:above]):
        with suppress(OSError):  # it holds something else, or was never made
            folder.rmdir()


def make_run_folder(folder: Path) -> None:
    """Make a folder of that name where there is none.

    Raises:
        Editor3DError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_made(folder, error) from error


def _not_made(folder: Path, error: OSError) -> Editor3DError:
    return Editor3DError(
        f"Could not make {folder} ({error.strerror or error}): free some space, or choose another folder with --output."
    )


@contextmanager
def alone(run: Path) -> Iterator[None]:
    """Wait until no other process of this user works on a run's folder, and keep others waiting.

    What a process that was killed left unfinished there is removed first.
    """
    # another user's lock could not be opened; Windows numbers no users
    user = os.getuid() if hasattr(os, "getuid") else ""
    name = hashlib.sha256(f"{user} {run.resolve()}".encode()).hexdigest()[:16]
    lock = FileLock(Path(tempfile.gettempdir()) / f"editor3d-{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"Waiting for another process, which works on {run}", flush=True)
        lock.acquire()
    try:
        sweep(run)
        yield
    finally:
        lock.release()
