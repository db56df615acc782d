"""Nothing of a program reaches the next one's picture, though no gate stood before it; and chance repeats itself."""

from __future__ import annotations

import numpy as np
import pytest

from editor3d.programs.core.contracts import RenderSettings
from editor3d.programs.rendering.pool import Workers

pytest.importorskip("bpy")

SETTINGS = RenderSettings(width=32, height=32, samples=1, deadline=30.0)
OBSERVER = """
import bpy, random
from mathutils import noise
bpy.ops.mesh.primitive_cube_add()
bpy.ops.object.light_add(type="POINT", location=(0, 0, 3))
bpy.data.objects["Key"].data.energy = 300 * random.uniform(0.5, 1.5)
bpy.data.objects["Fill"].data.color = (noise.random(), 0.5, random.Random().random())
"""
"""Goes by what programs like to leave: the 3D cursor, tools, generators, the lights."""
QUICK = ("the 3D cursor", "a function's code", "a method of a class")
LEFT = {
    "the 3D cursor": "scene.cursor.location = (2, 0, 1)",
    "what tools go by": "scene.tool_settings.transform_pivot_point = 'CURSOR'",
    "units": "scene.unit_settings.scale_length = 0.01",
    "arguments of an operator": "bpy.ops.mesh.primitive_cube_add(size=0.3, location=(0, 0, 2))\n"
    "bpy.ops.object.light_add(type='SUN', radius=3)",
    "preferences": "bpy.context.preferences.edit.object_align = 'VIEW'\n"
    "bpy.context.preferences.edit.use_enter_edit_mode = True",
    "undo": "bpy.context.preferences.edit.undo_steps = 0\nbpy.data.objects['Key'].data.energy = 9999",
    "a property of a type": "bpy.types.Light.extra = bpy.props.FloatProperty()",
    "a property of a class": "bpy.types.AreaLight.energy = property(lambda self: 1.0, lambda self, value: None)",
    "a handler": "bpy.app.handlers.frame_change_post.append(lambda *a: None)",
    "a lasting handler": "bpy.app.handlers.render_pre.append(bpy.app.handlers.persistent(dim))",
    "a handler hidden in a list that is exchanged": "import bpy.app.handlers as h\nh.__dict__ if hasattr(h, '__dict__')"
    " else None\nh.depsgraph_update_post.append(dim)",
    "a timer": "bpy.app.timers.register(dim, persistent=True)",
    "a driver": "bpy.data.objects['Block'].driver_add('location', 0).driver.expression = '2'",
    "the driver namespace": "bpy.app.driver_namespace['x'] = 1",
    "a class": "bpy.utils.register_class(type('A_OT_b', (bpy.types.Operator,), {'bl_idname': 'a.b', 'bl_label': 'c'}))",
    "a render engine": "bpy.utils.register_class(type('E', (bpy.types.RenderEngine,), {'bl_idname': 'E', "
    "'bl_label': 'E', 'render': lambda self, depsgraph: None}))",
    "a module of Blender's": "sys.modules['cycles'].CyclesRender.render = lambda self, depsgraph: None",
    "a function of ours": "ws = sys.modules['editor3d.programs.worker.scene']\nkept = ws.render\n"
    "ws.render = lambda path, *, keep, dim=dim, kept=kept, **size: (dim(), kept(path, keep=keep, **size))",
    "a function's code": "ws = sys.modules['editor3d.programs.worker.scene']\n"
    "def render(path, *, keep, percent=100):\n    scene = bpy.context.scene\n"
    "    bpy.data.objects['Key'].data.energy = 9999\n"
    "    scene.render.filepath = path\n    bpy.ops.render.render(write_still=True)\n"
    "ws.render.__code__ = render.__code__",
    "a function's defaults": "sys.modules['traceback'].extract_tb.__defaults__ = (1,)",
    "a method of a class": "random._inst.__class__.random = lambda self: 0.5",
    "an instance of a library": "d = sys.modules['json']._default_decoder\n"
    "def decode(text, *given, kept=d.decode):\n    told = kept(text)\n"
    "    return {**told, 'source': 'import bpy'} if 'source' in told else told\n"
    "d.decode = decode",
    "a list of a library": "sys.path.insert(0, '/private')",
    "a finder of modules": "sys.meta_path.insert(0, sys.meta_path[0])",
    "a module of its own": "sys.modules['colorsys2'] = random",
    "a built-in": "builtins.max = min",
    "a profiler": "sys.setprofile(lambda *a: None)",
    "a limit": "sys.setrecursionlimit(3000)",
    "something for the end": "sys.modules['atexit'].register(dim)",
    "a finalizer": "class F:\n    def __del__(self): dim()\nf = F()\nf.me = f",
    "a suspended function": "def g():\n    try:\n        yield\n    finally:\n        dim()\nk = g()\nnext(k)\n"
    "k2 = [k]\nk2.append(k2)",
    "a subclass that is kept": "sys.kept = type('K', (random.Random,), {})",
    "a file": "open(os.environ['TMPDIR'] + '/left', 'w').write('x')",
    "an open file": "os.open('/dev/null', os.O_RDONLY)",
    "a signal's handler": "import signal\nsignal.signal(signal.SIGUSR1, dim)",
    "an environment variable": "os.environ['A'] = 'b'",
    "a brush": "bpy.data.brushes.new('B')",
    "the edit mode": "bpy.context.view_layer.objects.active = bpy.data.objects['Post']\n"
    "bpy.ops.object.mode_set(mode='EDIT')",
    "a painted picture": "bpy.data.images.new('P', 4, 4).pixels = [1.0] * 64",
    "the compositor": "scene.use_nodes = True\nscene.node_tree.nodes.new('CompositorNodeInvert')",
    "another scene": "bpy.data.scenes.new('Other')",
    "nothing at all of the scene": "for thing in list(bpy.data.objects): bpy.data.objects.remove(thing)",
    "the frame": "scene.frame_set(7)",
}
PRELUDE = """
import bpy, builtins, os, random, sys
scene = bpy.context.scene
def dim(*given, bpy=bpy):
    for light in bpy.data.lights: light.energy = 9999.0
"""


@pytest.fixture(scope="module")
def open_gate(blend):
    """Workers whose gate lets all pass, and which use a process again after any program that gave a picture."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("editor3d.programs.rendering.pool.program_gate.check", lambda source: None)
        with Workers(blend("lighting"), SETTINGS, gate=None, allow_weaker_sandbox=True) as workers:
            workers.fresh = workers.render(OBSERVER).image
            yield workers


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in LEFT])
def test_what_a_program_leaves_does_not_reach_the_next_picture(name, open_gate):
    left = open_gate.render(PRELUDE + LEFT[name])
    assert left.status in ("ok", "refused"), left
    told = open_gate.render(OBSERVER)
    assert told.status == "ok", told
    assert np.array_equal(told.image, open_gate.fresh)


def test_ordinary_programs_leave_no_stain(open_gate, programs):
    """Or every candidate would cost a process."""
    open_gate.render("import bpy")
    worker = open_gate._idle.queue[0]
    for source in (OBSERVER, programs["lighting"], "import bpy, math, colorsys, random\nrandom.seed(3)", OBSERVER):
        assert open_gate.render(source).status == "ok"
    assert open_gate.render("import bpy").status == "ok"
    assert open_gate._idle.queue[0] is worker


SEEDS = (
    "random.random()", "random.Random().random()", "random.Random(None).random()", "random.Random(x=None).random()",
    "random.SystemRandom().random()", "(lambda r: r().random())(random.Random)", "random.uniform(0, 1)",
    "[random.seed(), random.random()][1]", "[random.seed(None), random.random()][1]",
    "[random.seed(a=None), random.random()][1]", "[random.seed(float('nan')), random.random()][1]",
    "[random.Random.seed(random._inst), random.random()][1]", "__import__('random').Random().gauss(0.5, 0.1)",
    "[noise.seed_set(0), noise.random()][1]", "[noise.seed_set(False), noise.random()][1]", "noise.random()",
    "noise.random_unit_vector().x", "[mathutils.noise.seed_set(0), mathutils.noise.random()][1]",
    "np.random.rand()", "np.random.default_rng().random()", "[np.random.seed(), np.random.rand()][1]",
    "np.random.RandomState().rand()", "np.random.Generator(np.random.PCG64()).random()",
    "np.random.default_rng(np.random.SeedSequence()).random()", "np.random.Generator(np.random.MT19937()).random()",
)  # fmt: skip
"""Numbers that a program may draw, without a seed or with one that is none."""


def test_whatever_is_drawn_is_drawn_again(blend, open_gate):
    source = "import bpy, mathutils, random, numpy as np\nfrom mathutils import noise\n"
    source += f"drawn = [{', '.join(SEEDS)}]\nraise RuntimeError(repr(drawn))"
    told = [open_gate.render(source).message for _ in range(2)]
    assert "RuntimeError" in told[0]
    assert told[0] == told[1]
    numbers = told[0].partition(": ")[2].strip("[]").split(", ")
    assert len(set(numbers)) > 0.7 * len(SEEDS), "they are drawn, not made up"
    other = RenderSettings(32, 32, 1, seed=5)
    with Workers(blend("lighting"), other, gate=None, allow_weaker_sandbox=True) as workers:
        assert workers.render(source).message != told[0]
