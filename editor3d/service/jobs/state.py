"""The file by which clients find a running service: its address and token.

It lies in the user's own runtime folder, readable by nobody else (mode 0600).
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from editor3d.errors import ConfigError
from editor3d.host.surroundings import cache_folder

PROTOCOL = 3
"""Raised when a client of an earlier protocol could misunderstand an answer."""
STATE_FILE = "service.json"


@dataclass(frozen=True)
class ServiceState:
    """What a client needs."""

    port: int
    token: str
    pid: int
    version: str
    protocol: int = PROTOCOL


def user_folder() -> Path:
    """The folder of this user for the state file: $XDG_RUNTIME_DIR where there is one, else the place for settings."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.path.isdir(runtime):
        return Path(runtime) / "editor3d"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "editor3d"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "editor3d"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "editor3d"


def default_state_file() -> Path:
    return user_folder() / STATE_FILE


def default_job_folder() -> Path:
    """Where jobs keep their files: the user's place for what can be made again, on a disk and not in memory."""
    if sys.platform == "win32":
        return user_folder() / "jobs"
    return cache_folder()


def write_state(path: Path, state: ServiceState) -> None:
    """Write the file, whole or not at all, for this user alone.

    Raises:
        ConfigError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # mkstemp makes the file with mode 0600, so that the token is never readable by others, not even for a moment
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".service-", suffix=".json")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(state), file)
        os.replace(name, path)
    except OSError as error:
        raise ConfigError(
            f"Expected a place for the service's state file, but {path} cannot be written ({error.strerror}): "
            "give another with --state FILE."
        ) from error


def read_state(path: Path) -> ServiceState | None:
    """The state that a service left; None where there is none, or none that can be read."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        return ServiceState(**body)
    except (OSError, ValueError, TypeError):
        return None


def remove_state(path: Path, token: str) -> None:
    """Take the file away if it is still that of the service with this token."""
    found = read_state(path)
    if found is not None and found.token == token:
        path.unlink(missing_ok=True)
