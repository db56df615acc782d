# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding and starting the engine: a program of its own, `editor3d`, that this add-on talks to."""

import json
import os
import shutil
import subprocess
import sys
import time

from .client import Client, EngineError

PROTOCOL = 3
IDLE_MINUTES = 30
_START_SECONDS = 60.0
_LOOK_SECONDS = 3.0


class EngineMissing(EngineError):
    """There is no engine on this computer."""


def user_folder():
    """The folder of the service's state file: by the same rule as the engine's own."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.path.isdir(runtime):
        return os.path.join(runtime, "editor3d")
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        return os.path.join(os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local"), "editor3d")
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Application Support", "editor3d")
    return os.path.join(os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "editor3d")


def state_file():
    """Where a running service says how to reach it."""
    return os.path.join(user_folder(), "service.json")


def find_command(preferred=""):
    """The path of the program `editor3d`; None where it is not found.

    Args:
        preferred: what the preferences say: the program, or a folder that holds it (a virtual environment's too).
    """
    preferred = os.path.expanduser(preferred.strip())
    name = "editor3d.exe" if sys.platform == "win32" else "editor3d"
    if preferred:
        places = [preferred]
        for folder in ("", "bin", "Scripts", os.path.join(".venv", "bin"), os.path.join(".venv", "Scripts")):
            places.append(os.path.join(preferred, folder, name))
        return next((place for place in places if os.path.isfile(place) and os.access(place, os.X_OK)), None)
    return shutil.which("editor3d")


_looked = {}


def is_found(preferred=""):
    """Whether there is an engine, for panels: the disk is looked at once in some seconds."""
    now = time.monotonic()
    known = _looked.get(preferred)
    if known is None or now - known[0] > _LOOK_SECONDS:
        _looked.clear()
        known = _looked[preferred] = (now, find_command(preferred) is not None)
    return known[1]


def running():
    """A client of the service that runs, and what it says of itself; None and None where none does.

    Raises:
        EngineError: it speaks another protocol.
    """
    try:
        with open(state_file(), encoding="utf-8") as file:
            state = json.load(file)
        client = Client(int(state["port"]), str(state["token"]))
        health = client.get("/health", timeout=5.0)
        protocol = health["protocol"]
    except (OSError, ValueError, LookupError, TypeError, EngineError):  # also another program's answer on an old port
        return None, None
    if protocol != PROTOCOL:
        raise EngineError("The engine and this add-on are of different versions: update the older one.")
    return client, health


def connect(preferred="", stop=None, secrets=None):
    """A client of the service, which is started where none runs, and what it says of itself.

    Args:
        preferred: see `find_command`.
        stop: an event; waiting ends when it is set.
        secrets: passwords of services by the variables that the engine reads, for one that is started.

    Raises:
        EngineMissing: there is no engine.
        EngineError: it does not start; the text says why.
    """
    client, health = running()
    if client is not None:
        return client, health
    command = find_command(preferred)
    if command is None:
        raise EngineMissing("The engine is not installed, or not found.")
    process = _start(command, secrets or {})
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and not (stop is not None and stop.is_set()):
        ended = process.poll() is not None
        client, health = running()  # also where it ended: another Blender may have been quicker
        if client is not None:
            return client, health
        if ended:
            raise EngineError(f"The engine did not start: {_last_line(_log_file())}")
        time.sleep(0.1)
    process.terminate()
    raise EngineError("The engine did not start in time: run `editor3d serve` in a terminal to see why.")


def _log_file():
    return os.path.join(user_folder(), "service.log")


def _start(command, secrets):
    os.makedirs(user_folder(), mode=0o700, exist_ok=True)
    # Blender's own Python settings would mislead the engine's Python
    hidden = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP")
    environment = {name: value for name, value in os.environ.items() if name not in hidden} | secrets
    words = [command, "serve", "--state", state_file(), "--idle-minutes", str(IDLE_MINUTES)]
    if sys.platform == "win32":
        own = {"creationflags": subprocess.CREATE_NO_WINDOW}
    else:
        own = {"start_new_session": True}
    try:
        with open(_log_file(), "wb", opener=_private) as log:
            return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, **own)
    except OSError as error:
        raise EngineError(f"The engine did not start: {error.strerror or error}.") from error


def _private(path, flags):
    """Open a file that only this user can read."""
    return os.open(path, flags, 0o600)


def _last_line(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file if line.strip()]
    except OSError:
        lines = []
    return lines[-1] if lines else "it gave no reason."
