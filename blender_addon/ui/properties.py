# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is chosen in the panel. It belongs to the window manager, so that undo leaves it alone."""

from contextlib import suppress

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from ..job.session import session

WHAT = (
    ("MESH", "Mesh", "Give the selected mesh another look", "MESH_DATA", 0),
    ("REFINE", "Nodes & lights", "Turn the numbers of materials, lights or geometry nodes", "NODE_MATERIAL", 1),
    ("SCENE", "Captured scene", "Change a capture, a run or a file of splats, and bring it in", "SCENE_DATA", 2),
)
PARTS = (
    ("MATERIAL", "Material", "The materials of the selected objects"),
    ("LIGHTS", "Lights", "The selected lights, or all where none is selected, and the world"),
    ("GEOMETRY", "Geometry nodes", "The inputs of geometry-node modifiers of the selected objects"),
)
WHERE = (
    ("AUTO", "As the sentence says", 'All of it, or the slots that the sentence names: "make the red part gold"'),
    ("SELECTED", "Selected faces", "The faces that are selected in edit mode"),
    ("GROUP", "Vertex group", "Faces whose corners the active vertex group holds by half or more"),
    ("MASK", "Painted", "Faces that the active painted colours show brighter than half"),
    ("INSIDE", "Inside a mesh", "Faces whose middle lies inside another mesh"),
)
STRENGTHS = (
    ("SUBTLE", "Subtle", "Stay near to what is there"),
    ("NORMAL", "Normal", "As the editor is usually run"),
    ("STRONG", "Strong", "Follow the words more closely than what is there"),
)
GUIDANCE = {"SUBTLE": (5.0, 2.0), "NORMAL": (None, None), "STRONG": (10.0, 1.2)}
"""Guidance scales of text and picture; None is what suits the editor's model. Editors without a model ignore them."""
QUALITIES = (
    ("DRAFT", "Draft", "A first look, in a fraction of the time"),
    ("NORMAL", "Normal", "The method's own number of steps"),
    ("FINE", "Fine", "More steps and a larger texture, or a longer search; a captured scene as Normal"),
)
QUALITY = {
    "MESH": {
        "DRAFT": {"steps": 150, "views": 12, "side": 160, "texture_size": 512},
        "NORMAL": {},
        "FINE": {"steps": 900, "texture_size": 2048},
    },
    "REFINE": {
        "DRAFT": {"budget_seconds": 60},
        "NORMAL": {"budget_seconds": 300},
        "FINE": {"budget_seconds": 1200},
    },
    "SCENE": {"DRAFT": {"draft": True}, "NORMAL": {}, "FINE": {}},
}
"""Settings of the engine, by what is changed."""
FORMATS = (
    ("auto", "As it is made", "Splats of a scene of splats, of any other scene points"),
    ("mesh", "Mesh", "The surface with colours"),
    ("pointcloud", "Points", "Coloured points"),
    ("splats", "Splats", "Gaussians, of a scene that is made of them"),
)


def _editors(self, context, text):
    return [name for name in session.health.get("editors", ("auto", "procedural")) if text.lower() in name]


class Editor3DSettings(bpy.types.PropertyGroup):
    instruction: StringProperty(
        name="Instruction", description='What to change, in one sentence: "turn it into gold"', maxlen=2000
    )
    what: EnumProperty(name="Edit", description="What to change", items=WHAT)
    where: EnumProperty(name="Where", description="Which faces change; others keep their material", items=WHERE)
    inside: PointerProperty(
        name="Inside",
        description="A closed mesh round the faces that change",
        type=bpy.types.Object,
        poll=lambda self, thing: thing.type == "MESH",
    )
    part: EnumProperty(name="Part", description="Which numbers are turned", items=PARTS)
    confined: BoolProperty(
        name="Only the selected objects",
        description="The target and the comparison count where the selected objects are seen; the rest of the picture "
        "is to stay as it is, also where it has the same material",
        default=True,
    )
    editor: StringProperty(
        name="Editor",
        description="The 2D editor, as `editor3d list editors` names it; auto takes the best that is installed",
        default="auto",
        maxlen=200,
        search=_editors,
        search_options={"SUGGESTION"},
    )
    strength: EnumProperty(name="Strength", items=STRENGTHS, default="NORMAL")
    quality: EnumProperty(name="Quality", items=QUALITIES, default="NORMAL")
    shape: FloatProperty(
        name="Shape",
        description="How far the surface may move along its normal, as a share of the mesh's radius",
        min=0.0,
        max=0.5,
        subtype="FACTOR",
    )
    seed: IntProperty(name="Seed", description="Of everything random", default=42, min=0)
    scene_path: StringProperty(
        name="Scene",
        description="The folder of a capture or of a finished run, or a file of splats (.ply, .spz, .splat); empty for "
        "the selected splats",
        subtype="FILE_PATH",
    )
    scene_format: EnumProperty(name="Bring in as", items=FORMATS, default="auto")
    force: BoolProperty(
        name="Poor scenes, too",
        description="Also edit a reconstruction that shows its views no better than their mean does",
    )
    target: StringProperty(
        name="Target",
        description="A picture to match, chosen or dropped here; without one the instruction is drawn first",
        subtype="FILE_PATH",
    )
    target_image: PointerProperty(
        name="Image", description="A picture of this file to match, such as the Render Result", type=bpy.types.Image
    )
    garment: StringProperty(
        name="Garment",
        description="A picture of a garment to put on the captured person, chosen or dropped here",
        subtype="FILE_PATH",
    )
    garment_image: PointerProperty(
        name="Image", description="A picture of this file that shows the garment", type=bpy.types.Image
    )
    asset: BoolProperty(name="Mark as asset", description="Have the asset browser offer the object that is accepted")
    progress: FloatProperty(
        name="Progress", min=0.0, max=100.0, subtype="PERCENTAGE", get=lambda self: 100.0 * (session.share() or 0.0)
    )
    pair: IntProperty(name="View", description="Which view is shown before and after", default=1, min=1, max=64)


_KEPT = "editor3d_settings"
"""Name of what a scene keeps of the choices."""
_LEFT_OUT = ("rna_type", "name", "progress", "pair")


@bpy.app.handlers.persistent
def _keep(*_):
    """The choices go with the file. They are no properties of the scene: undo would take back what was typed."""
    chosen = bpy.context.window_manager.editor3d
    names = [name for name in chosen.bl_rna.properties.keys() if name not in _LEFT_OUT]  # noqa: SIM118
    for scene in bpy.data.scenes:
        if scene.library is None:
            scene[_KEPT] = {name: getattr(chosen, name) for name in names if getattr(chosen, name) is not None}


@bpy.app.handlers.persistent
def _bring_back(*_):
    chosen, kept = bpy.context.window_manager.editor3d, bpy.context.scene.get(_KEPT)
    if kept is None:
        return
    for name, value in kept.items():
        # of another version's add-on there may be other names and values
        with suppress(TypeError, ValueError, AttributeError):
            setattr(chosen, name, value)


def register():
    bpy.utils.register_class(Editor3DSettings)
    bpy.types.WindowManager.editor3d = PointerProperty(type=Editor3DSettings)
    bpy.app.handlers.save_pre.append(_keep)
    bpy.app.handlers.load_post.append(_bring_back)


def unregister():
    bpy.app.handlers.load_post.remove(_bring_back)
    bpy.app.handlers.save_pre.remove(_keep)
    del bpy.types.WindowManager.editor3d
    bpy.utils.unregister_class(Editor3DSettings)
