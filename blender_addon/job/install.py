# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installs the engine into a Python environment of its own, in a thread, with a state that the panel shows."""

import json
import os
import shutil
import subprocess
import sys
import threading

from . import engine

SIZE = "about 6 GB"
"""What an environment with all that the engine needs takes on disk."""
PYTHON = "3.11"
"""The Python that the engine runs under."""
_MARK = "engine.json"


def place_file():
    """Where the folder of an engine that was installed here is kept, for every Blender of this user."""
    return os.path.join(engine.user_folder(), _MARK)


def remembered():
    """The folder of the engine that was installed last; "" where there is none, or it is gone."""
    try:
        with open(place_file(), encoding="utf-8") as file:
            folder = str(json.load(file)["folder"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""
    return folder if os.path.isdir(folder) else ""


def remember(folder):
    """Keep it."""
    os.makedirs(engine.user_folder(), mode=0o700, exist_ok=True)
    with open(place_file(), "w", encoding="utf-8") as file:
        json.dump({"folder": folder}, file)


def default_folder():
    """Where an engine is put if nobody says otherwise."""
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        return os.path.join(os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local"), "editor3d-engine")
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Application Support", "editor3d-engine")
    return os.path.join(os.environ.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share"), "editor3d-engine")


def python():
    """A Python that the engine runs under; None where none is found."""
    places = [[sys.executable]] if sys.version_info[:2] == tuple(map(int, PYTHON.split("."))) else []
    if sys.platform == "win32":
        places.append(["py", f"-{PYTHON}"])
    places += [[found] for found in (shutil.which(f"python{PYTHON}"), shutil.which("python3")) if found]
    for words in places:
        try:
            asked = [*words, "-I", "-c", "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"]
            told = subprocess.run(asked, capture_output=True, text=True, timeout=20, env=_environment())
        except (OSError, subprocess.SubprocessError):
            continue
        if told.returncode == 0 and told.stdout.strip() == PYTHON:
            return words
    return None


def command(folder, source):
    """What a user types who would rather do it alone."""
    inside = os.path.join(folder, "Scripts" if sys.platform == "win32" else "bin", "python")
    return f'python{PYTHON} -m venv "{folder}" && "{inside}" -m pip install "{source or "WHEEL"}"'


class Install(threading.Thread):
    """Makes the environment. `state` is running, done, stopped or failed; `message` says in one line where it is, and
    `details` what pip wrote last."""

    def __init__(self, folder, source):
        super().__init__(name="editor3d install", daemon=True)
        self.folder, self.source = folder, source
        self.state, self.message, self.details, self.packages = "running", "Making the environment…", "", 0
        self._process = None
        self._stopped = threading.Event()

    def cancel(self):
        """End it; what was written is removed."""
        self._stopped.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.kill()

    def run(self):
        fresh = not os.path.exists(self.folder)
        try:
            self._run()
        except (OSError, subprocess.SubprocessError) as error:
            self.state, self.message = "failed", f"The engine cannot be installed: {error}."
        if self._stopped.is_set():
            self.state, self.message = "stopped", "Stopped."
        if self.state != "done" and fresh:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self):
        words = python()
        if words is None:
            self.state, self.message = "failed", f"Python {PYTHON} is needed and was not found: install it first."
            return
        if os.path.isdir(self.folder) and os.listdir(self.folder):
            if not os.path.isfile(os.path.join(self.folder, "pyvenv.cfg")):
                self.state, self.message = "failed", f"{self.folder} holds other files: choose an empty folder."
                return
        else:
            self._carry_out([*words, "-I", "-m", "venv", self.folder])
        inside = os.path.join(self.folder, "Scripts" if sys.platform == "win32" else "bin", "python")
        if self.state == "running" and not self._stopped.is_set():
            pip = ["-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]
            self._carry_out([inside, "-I", *pip, self.source])
        if self.state == "running" and not self._stopped.is_set():
            if engine.find_command(self.folder) is None:
                self.state, self.message = "failed", "What was installed holds no editor3d: choose its wheel."
                return
            remember(self.folder)
            self.state, self.message = "done", "The engine is installed."

    def _carry_out(self, words):
        quiet = {"creationflags": subprocess.CREATE_NO_WINDOW} if sys.platform == "win32" else {}
        self._process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(),
            text=True,
            errors="replace",
            **quiet,
        )
        lines = []
        for line in self._process.stdout:
            lines = [*lines[-11:], line.strip()]
            if line.startswith("Collecting "):
                self.packages += 1
                self.message = f"{self.packages} packages: {line.split()[1][:30]}"
            elif line.startswith("Installing collected"):
                self.message = f"Installing {self.packages} packages…"
        code = self._process.wait()
        self.details = "\n".join(lines)
        if code != 0 and not self._stopped.is_set():
            told = next((text for text in reversed(lines) if text.startswith("ERROR")), f"pip ended with {code}")
            self.state, self.message = "failed", f"The engine cannot be installed: {told[:160]}"


def _environment():
    """Without what would mislead another Python."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
