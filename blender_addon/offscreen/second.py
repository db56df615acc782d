# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts a second Blender and waits for it, in a thread. Knows of Blender only where its program is."""

import json
import os
import subprocess
import sys
import tempfile

FOLDER = os.path.dirname(os.path.abspath(__file__))
_SECONDS = 600.0


class SecondError(OSError):
    """The second Blender did not do it, in one sentence."""


def words(program, script, path):
    """The command line that runs a script with the path of its job.

    Args:
        program: of Blender; empty where Blender is a module of Python.
    """
    if program:
        return [program, "--background", "--factory-startup", "--python-exit-code", "1", "--python", script, "--", path]
    return [sys.executable, script, path]


def carry_out(program, name, job, stop=None):
    """Run one of this folder's modules, bake or picture. Its job is a dictionary; "folder" in it is the job's own.

    Args:
        stop: an event; the second Blender is ended when it is set.

    Raises:
        SecondError: it failed, took too long, or was stopped; the text says why.
    """
    path = os.path.join(job["folder"], "job.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**job, "what": name}, file)
    own = {} if sys.platform == "win32" else {"start_new_session": True}
    environment = os.environ | dict.fromkeys(("TMPDIR", "TMP", "TEMP"), job["folder"])
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            words(program, os.path.join(FOLDER, "main.py"), path),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **own,
        )
        waited = 0.0
        while True:
            try:
                process.wait(0.1)
                break
            except subprocess.TimeoutExpired:
                waited += 0.1
            if waited > _SECONDS or (stop is not None and stop.is_set()):
                process.kill()
                process.wait()
                raise SecondError("The second Blender was stopped.")
    told = os.path.join(job["folder"], "told.json")
    try:
        with open(told, encoding="utf-8") as file:
            answer = json.load(file)
    except (OSError, ValueError) as error:
        raise SecondError(f"The second Blender ended with {process.returncode} and left nothing.") from error
    if answer.get("error"):
        raise SecondError(answer["error"])
    return answer
