"""Which programs the first gate lets through."""

from __future__ import annotations

import pytest

from editor3d.programs import gate

HOSTILE = {
    "os": "import os",
    "subprocess": "import subprocess",
    "a part of os": "from os import path",
    "relative": "from . import gate",
    "star": "from math import *",
    "numpy": "import numpy",
    "numpy's npyio": "import numpy as np\nnp.lib.npyio.os.system('id')",
    "os through bpy": "import bpy\nx = bpy.utils._os",
    "modules through bpy": "import bpy\nx = bpy.utils._sys.modules['os']",
    "bpy.utils": "import bpy\nbpy.utils.execfile('/tmp/x.py')",
    "bpy.app": "import bpy\nbpy.app.handlers.render_pre.append(print)",
    "a timer": "import bpy\nbpy.app.timers.register(print)",
    "a driver namespace": "import bpy\nbpy.app.driver_namespace['a'] = print",
    "subclasses": "().__class__.__base__.__subclasses__()",
    "globals of a function": "def f(): pass\nf.__globals__",
    "format": "'{0.__class__}'.format(1)",
    "format_map": "'{a.__class__}'.format_map({'a': 1})",
    "underscore in an f-string": "x = 1\nf'{x.__class__}'",
    "getattr": "getattr(1, '__cl' + 'ass__')",
    "setattr": "import bpy\nsetattr(bpy, 'x', 1)",
    "eval": "eval('1')",
    "exec": "exec('1')",
    "compile": "compile('1', 'a', 'exec')",
    "open": "open('/etc/passwd')",
    "__import__": "__import__('os')",
    "__builtins__": "__builtins__['eval']('1')",
    "input": "input()",
    "breakpoint": "breakpoint()",
    "type": "type('A', (), {})",
    "vars": "vars()",
    "globals": "globals()",
    "dir": "dir()",
    "a class": "class A: pass",
    "a decorator": "@print\ndef f(): pass",
    "with": "with x: pass",
    "match on an attribute": "match 1:\n    case int(real=x): pass",
    "async": "async def f(): pass",
    "yield": "def f(): yield 1",
    "frames of a generator": "(x for x in ()).gi_frame",
    "a traceback": "try:\n    1/0\nexcept Exception as e:\n    e.__traceback__",
    "as_module": "import bpy\nbpy.data.texts['a'].as_module()",
    "text blocks": "import bpy\nbpy.data.texts.load('/etc/passwd')",
    "a picture from a file": "import bpy\nbpy.data.images.load('/etc/passwd')",
    "a picture's path": "import bpy\nbpy.data.images[0].filepath = '/etc/passwd'",
    "saving a picture": "import bpy\nbpy.data.images[0].save()",
    "saving a picture elsewhere": "import bpy\nbpy.data.images[0].save_render('/tmp/x')",
    "the render's path": "import bpy\nbpy.context.scene.render.filepath = '/tmp/x'",
    "resolution": "import bpy\nbpy.context.scene.render.resolution_x = 65536",
    "a file output node": "import bpy\nbpy.data.node_groups[0].nodes.new('CompositorNodeOutputFile').base_path = '/'",
    "a script node": "import bpy\nbpy.data.materials[0].node_tree.nodes.new('ShaderNodeScript').script = 1",
    "saving": "import bpy\nbpy.ops.wm.save_as_mainfile(filepath='/tmp/x')",
    "saving where it was": "import bpy\nbpy.ops.wm.save_mainfile()",
    "opening": "import bpy\nbpy.ops.wm.open_mainfile(filepath='/tmp/x')",
    "libraries": "import bpy\nbpy.data.libraries.write('/tmp/x', set())",
    "linking": "import bpy\nbpy.ops.wm.append(filename='x')",
    "a URL": "import bpy\nbpy.ops.wm.url_open(url='http://x')",
    "an add-on": "import bpy\nbpy.ops.preferences.addon_install(filepath='x')",
    "preferences": "import bpy\nbpy.ops.wm.save_userpref()",
    "preferences by context": "import bpy\nbpy.context.preferences.filepaths",
    "running a script": "import bpy\nbpy.ops.script.python_file_run(filepath='x')",
    "rendering": "import bpy\nbpy.ops.render.render()",
    "operators kept": "import bpy\nx = bpy.ops.mesh.primitive_cube_add\nx()",
    "all operators kept": "import bpy\nx = bpy.ops",
    "operators from bpy": "from bpy import ops",
    "the module kept": "import bpy\nx = bpy",
    "the module in a list": "import bpy\nx = [bpy]",
    "the module shadowed": "import bpy\nfor bpy in []: pass",
    "a driver": "import bpy\nbpy.data.objects[0].driver_add('location')",
    "a driver's expression": "import bpy\nbpy.data.objects[0].animation_data.drivers[0].driver.expression = 'x'",
    "path_resolve": "import bpy\nbpy.data.path_resolve('texts')",
    "bl_rna": "import bpy\nbpy.data.objects[0].bl_rna",
    "as_pointer": "import bpy\nbpy.data.objects[0].as_pointer()",
    "unseeded": "import random\nrandom.seed()",
    "an unseeded generator": "import random\nrandom.Random()",
    "None as a seed": "from random import seed\nseed(None)",
    "a seed by name": "import random\nrandom.seed(a=None)",
    "the system's randomness": "import random\nrandom.SystemRandom()",
    "built-ins shadowed": "print = 1",
    "an unknown name": "nothing_here",
    "not Python": "def f(:",
    "a null byte": "x = '\0'\n\0",
    "bytes": "b'x'",
    "deep brackets": "(" * 5000 + ")" * 5000,
    "deep unary": "x = " + "-" * 20000 + "1",
    "deep attributes": "x = 1\nx" + ".a" * 20000,
    "deep sums": "x = " + "1+" * 30000 + "1",
    "deep conditions": "x = " + "1 if 1 else " * 5000 + "1",
    "too long": "#" * (gate.MAX_SOURCE + 1),
    "a number without end": "x = " + "9" * 10000,
    "file keyword": "import bpy\nbpy.ops.mesh.primitive_cube_add(filepath='x')",
    "print to a file": "import bpy\nprint(1, file=bpy.data)",
}


def test_harmless_programs_pass(harmless):
    assert {name: gate.check(source) for name, (_, source) in harmless.items()} == dict.fromkeys(harmless)


def test_programs_of_the_test_scenes_pass(programs):
    assert {name: gate.check(source) for name, source in programs.items()} == dict.fromkeys(programs)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_programs_are_refused_in_a_sentence(name):
    told = gate.check(HOSTILE[name])
    assert told
    assert told.endswith(".")
    assert len(told) < 1500


def test_a_refusal_names_the_line():
    assert "line 3" in gate.check("import bpy\n\nbpy.app.timers")


def test_programs_are_given_listed_functions_only():
    given = gate.builtins()
    assert given["len"] is len
    assert not {"open", "eval", "exec", "getattr", "type", "compile", "input", "vars"} & given.keys()
    assert given["__import__"]("math").pi > 3
    with pytest.raises(ImportError, match="os may not be imported"):
        given["__import__"]("os")


def test_nothing_of_a_refused_program_has_run(capsys):
    assert gate.check("print('ran')\nopen('x')")
    assert capsys.readouterr().out == ""
