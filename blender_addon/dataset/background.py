# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program of the Blender that photographs a copy of the scene: its last argument is a JSON file with the settings,
the scene's file and where to say how far it is. It ends by `os._exit`: Blender may hang at its end."""

import importlib.util
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import bpy

NAME = "editor3d_dataset"


def _package():
    """This folder as a package, whatever the add-on is called."""
    folder = Path(__file__).resolve().parent
    spec = importlib.util.spec_from_file_location(
        NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    sys.modules[NAME] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[NAME])
    return importlib.import_module(f"{NAME}.capture"), importlib.import_module(f"{NAME}.cameras")


def main(job):
    """Photograph; the sentence of what went wrong, or an empty one."""
    capture, cameras = _package()

    def say(done, total):
        temporary = job["progress"] + ".new"
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump({"done": done, "total": total}, file)
        os.replace(temporary, job["progress"])

    try:
        bpy.ops.wm.open_mainfile(filepath=job["blend"])
        scene = bpy.data.scenes[job["scene"]]
        if bpy.context.window is not None:
            bpy.context.window.scene = scene
        capture.capture(scene, SimpleNamespace(**job["settings"]), say)
    except (cameras.CameraError, OSError, RuntimeError, KeyError) as error:
        return str(error) or type(error).__name__
    return ""


if __name__ == "__main__":
    job = json.loads(Path(sys.argv[-1]).read_text(encoding="utf-8"))
    message = main(job)
    if message:
        Path(job["error"]).write_text(message, encoding="utf-8")
    sys.stdout.flush()
    os._exit(1 if message else 0)
