# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""The history of requests, kept between sessions in a file of the user's, the newest first."""

import json
import os
import tempfile
import time

import bpy

_FILE = "editor3d_history.json"
LENGTH = 30

entries = []
"""Dictionaries: kind, instruction, subject, settings, target and garment (paths of pictures, or ""), state, time."""


def _path():
    return os.path.join(bpy.utils.user_resource("CONFIG"), _FILE)


def load():
    """Read the file; one that is missing or damaged is an empty history."""
    try:
        with open(_path(), encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        found = []
    found = found if isinstance(found, list) else []
    good = [e for e in found if isinstance(e, dict) and {"kind", "instruction", "subject", "state"} <= set(e)]
    entries[:] = good[:LENGTH]


def note(request, state):
    """Put a job first."""
    entry = {
        "kind": request.kind,
        "instruction": request.instruction,
        "subject": request.subject,
        "settings": request.settings,
        "target": _path_of(request.inputs.get("target")),
        "garment": _path_of(request.inputs.get("garment")),
        "state": state,
        "time": time.time(),
    }
    entries.insert(0, entry)
    del entries[LENGTH:]
    _save()


def _path_of(picture):
    return picture if isinstance(picture, str) else ""  # others are in Blender, and may be gone


def mark(state, count=1):
    """Change the state of the newest."""
    for entry in entries[:count]:
        entry["state"] = state
    _save()


def clear():
    entries.clear()
    _save()


def _save():
    path = _path()
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        handle, name = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".editor3d-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(entries, file)
        os.replace(name, path)
    except OSError:
        pass  # a history that cannot be kept is kept until Blender ends
