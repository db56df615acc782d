# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exports the scene as a posed image set, by a Blender of its own, so that this one can be worked with meanwhile."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ..job.session import redraw
from ..offscreen import second

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""The folder of the add-on."""
VIEWS = (
    ("ORBIT", "Orbit", "Cameras all round the selected objects"),
    ("CAMERAS", "All cameras", "The scene's own cameras, as they stand now"),
    ("ANIMATION", "Animated camera", "The active camera in each frame, everything else as it stands now"),
)


class Export:
    """A Blender that photographs."""

    def __init__(self, folder, blend, scene, settings):
        self.folder, self.output = folder, settings["output"]
        self._progress, self._error = (os.path.join(self.folder, name) for name in ("progress.json", "error.txt"))
        job = {"blend": blend, "scene": scene, "settings": settings, "progress": self._progress, "error": self._error}
        path = os.path.join(self.folder, "job.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(job, file)
        script = os.path.join(ROOT, "dataset", "background.py")
        words = second.words(bpy.app.binary_path, script, path)
        own = {} if sys.platform == "win32" else {"start_new_session": True}
        # a Blender that is stopped, or ends at once, leaves its temporary folder, which goes with this one
        environment = os.environ | dict.fromkeys(("TMPDIR", "TMP", "TEMP"), self.folder)
        quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        self.process = subprocess.Popen(words, env=environment, **quiet, **own)

    def progress(self):
        """Views that are done and all views; 0 and 0 before the first."""
        try:
            with open(self._progress, encoding="utf-8") as file:
                found = json.load(file)
            return found["done"], found["total"]
        except (OSError, ValueError, LookupError):
            return 0, 0

    def error(self):
        """What went wrong; empty where all is there."""
        try:
            with open(self._error, encoding="utf-8") as file:
                return file.read()
        except OSError:
            pass
        if self.process.returncode == 0 and os.path.isfile(os.path.join(self.output, "transforms.json")):
            return ""
        return f"The Blender that renders ended with {self.process.returncode}."

    def close(self):
        """Stop it if it runs, and remove its files."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


current = None
"""The export that runs."""
message = ""
_TICK = 0.3


def _tick():
    """Look whether it is done."""
    if current is None:
        return None
    redraw()
    if current.process.poll() is None:
        return _TICK
    _finish()
    return None


def _finish():
    global current, message
    told = current.error()
    message = told or f"Written to {current.output}."
    current.close()
    current = None
    return told


def stop():
    """Stop what runs; files already written stay."""
    global current, message
    if current is not None:
        current.close()
        current, message = None, "Stopped."


class EDITOR3D_OT_export_dataset(bpy.types.Operator):
    """Render the scene from many sides, with poses, depth and object masks: a data set for ns-train and editor3d"""

    bl_idname = "editor3d.export_dataset"
    bl_label = "Export data set"

    directory: StringProperty(name="Folder", subtype="DIR_PATH")
    filter_folder: BoolProperty(default=True, options={"HIDDEN"})
    views: EnumProperty(name="Views", items=VIEWS)
    count: IntProperty(name="Count", description="Views of the orbit", default=60, min=4, max=2000)
    lowest: FloatProperty(name="Lowest", description="Degrees above the horizon", default=-10.0, min=-89.0, max=89.0)
    highest: FloatProperty(name="Highest", description="Degrees above the horizon", default=70.0, min=-89.0, max=89.0)
    margin: FloatProperty(name="Margin", description="1 fills the picture", default=1.2, min=0.5, max=5.0)
    samples: IntProperty(name="Samples", description="Of Cycles, before denoising", default=64, min=1, max=4096)
    step: IntProperty(name="Frame step", description="Every so manieth frame", default=1, min=1)
    depth: BoolProperty(name="Depth and masks", description="Also depth, object masks and sparse points", default=True)
    threads: IntProperty(name="Threads", description="0 takes all", default=0, min=0, max=1024)

    @classmethod
    def poll(cls, context):
        if current is not None:
            cls.poll_message_set("An export runs: stop it first.")
        return current is None

    def invoke(self, context, event):
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def draw(self, context):
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "views")
        if self.views == "ORBIT":
            for name in ("count", "lowest", "highest", "margin"):
                layout.prop(self, name)
        if self.views == "ANIMATION":
            layout.prop(self, "step")
        for name in ("samples", "depth", "threads"):
            layout.prop(self, name)

    def execute(self, context):
        global current, message
        output = os.path.abspath(bpy.path.abspath(self.directory)) if self.directory else ""
        if not output:
            self.report({"ERROR"}, "Choose a folder for the data set.")
            return {"CANCELLED"}
        if os.path.exists(os.path.join(output, "transforms.json")):
            self.report({"ERROR"}, f"{output} holds a data set already: choose an empty folder.")
            return {"CANCELLED"}
        if self.views == "ORBIT" and self.lowest >= self.highest:
            self.report({"ERROR"}, "The lowest elevation must be below the highest.")
            return {"CANCELLED"}
        folder = tempfile.mkdtemp(prefix="editor3d-export-")
        blend = os.path.join(folder, "scene.blend")
        try:
            os.makedirs(output, exist_ok=True)
            bpy.ops.wm.save_as_mainfile(filepath=blend, copy=True, compress=False)
            current = Export(folder, blend, context.scene.name, self._settings(context, output))
        except (OSError, RuntimeError) as error:
            self.report({"ERROR"}, f"The data set cannot be written: {error}")
            shutil.rmtree(folder, ignore_errors=True)
            return {"CANCELLED"}
        message = ""
        if bpy.app.background:  # nothing else is to be done meanwhile
            current.process.wait()
            told = _finish()
            if told:
                self.report({"ERROR"}, told)
                return {"CANCELLED"}
            return {"FINISHED"}
        bpy.app.timers.register(_tick, first_interval=_TICK)
        return {"FINISHED"}

    def _settings(self, context, output):
        return {
            "output": output,
            "views": self.views,
            "count": self.count,
            "objects": [thing.name for thing in context.selected_objects if thing.type == "MESH"],
            "elevations": [self.lowest, self.highest],
            "margin": self.margin,
            "samples": self.samples,
            "depth": self.depth,
            "step": self.step,
            "threads": self.threads,
        }


class EDITOR3D_OT_stop_export(bpy.types.Operator):
    """Stop the export; what is written stays"""

    bl_idname = "editor3d.stop_export"
    bl_label = "Stop"

    @classmethod
    def poll(cls, context):
        if current is None:
            cls.poll_message_set("No export runs.")
        return current is not None

    def execute(self, context):
        stop()
        return {"FINISHED"}


def draw(layout):
    """The export's part of the panel."""
    if current is None:
        layout.operator("editor3d.export_dataset", text="Export data set…", icon="EXPORT")
        if message:
            layout.label(text=message)
        return
    done, total = current.progress()
    text = f"Rendering {done} of {total}" if total else "Rendering…"
    layout.label(text=text, icon="RENDER_STILL")
    layout.operator("editor3d.stop_export", icon="CANCEL")


CLASSES = (EDITOR3D_OT_export_dataset, EDITOR3D_OT_stop_export)

register, _unregister = bpy.utils.register_classes_factory(CLASSES)


def unregister():
    stop()
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    _unregister()
