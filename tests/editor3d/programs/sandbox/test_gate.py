"""Which programs the first gate lets through."""

from __future__ import annotations

import ast
import re

import pytest

from editor3d.programs.sandbox import gate, grammar

HOSTILE = {
    "os": "import os\nos.getcwd()",
    "subprocess": "import subprocess as s\ns.run([])",
    "a part of os": "from os import path\npath.join()",
    "relative": "from . import gate",
    "star": "from math import *",
    "numpy's npyio": "import numpy as np\nnp.lib.npyio.os.system('id')",
    "os through bpy": "import bpy\nx = bpy.utils._os",
    "modules through bpy": "import bpy\nx = bpy.utils._sys.modules['os']",
    "bpy.utils": "import bpy\nbpy.utils.execfile('/tmp/x.py')",
    "bpy.app": "import bpy\nbpy.app.handlers.render_pre.append(print)",
    "a timer": "import bpy\nbpy.app.timers.register(print)",
    "a driver namespace": "import bpy\nbpy.app.driver_namespace['a'] = print",
    "subclasses": "().__class__.__base__.__subclasses__()",
    "globals of a function": "def f(): pass\nf.__globals__",
    "format_map": "'{a.__class__}'.format_map({'a': 1})",
    "underscore in an f-string": "x = 1\nf'{x.__class__}'",
    "getattr": "getattr(1, '__class__')",
    "getattr kept": "f = getattr\nf(1, '__class__')",
    "getattr handed on": "list(map(getattr, [1], ['__class__']))",
    "getattr spread out": "getattr(*(1, '__class__'))",
    "getattr of a module": "import bpy\ngetattr(bpy, 'utils')",
    "getattr of the application": "import bpy\ngetattr(bpy.app, 'handlers')",
    "getattr of operators": "import bpy\ngetattr(bpy.ops, 'wm')",
    "getattr of the module of meshes": "import bmesh\ngetattr(bmesh.ops, 'create_cube')",
    "getattr given another meaning": "def getattr(a, b): return a",
    "setattr of an underscore": "class A: pass\nsetattr(A, '__array_interface__', {})",
    "the class above kept": "class A:\n    def f(self):\n        s = super()\n        return s",
    "the class above of another": "class A: pass\nsuper(A, A).f()",
    "the dictionary of the class above": "class A:\n    def f(self):\n        return super().__dict__",
    "a method of the protocol kept": "class A:\n    def f(self):\n        return super().__init__",
    "an array's protocol": "class A:\n    def __array__(self): return 1",
    "a memory's protocol": "class A:\n    __array_interface__ = {'data': (1, False)}",
    "a memory's protocol by an annotation": "class A:\n    __array_interface__: dict = {}",
    "a buffer": "class A:\n    def __buffer__(self, flags): return 1",
    "how attributes are read": "class A:\n    def __getattribute__(self, name): return 1",
    "how attributes are missed": "class A:\n    def __getattr__(self, name): return 1",
    "an end": "class A:\n    def __del__(self): pass",
    "a reduction": "class A:\n    def __reduce__(self): return print, ()",
    "a class below": "class A:\n    def __init_subclass__(cls): pass",
    "a metaclass": "class A(metaclass=print): pass",
    "slots": "class A:\n    __slots__ = ()",
    "a name of Python's in a class": "class A:\n    def f(self): return __class__",
    "a private name": "class A:\n    def f(self): self.__x = 1",
    "a method of a protocol outside of a class": "def __init__(): pass",
    "an underscore that no class has": "class A:\n    def __init__(self): self._a = 1\nA()._b",
    "an annotation that runs": "import bpy\nx: bpy.utils.execfile('/tmp/x') = 1",
    "an annotation of a field": "from dataclasses import dataclass\n@dataclass\nclass A:\n    n: ().__class__ = 1",
    "a dataclass by parts": "import dataclasses\ndataclasses.make_dataclass('A', ['x'])",
    "a class of the system's": "import dataclasses\ndataclasses.sys.exit()",
    "numpy's files": "import numpy as np\nnp.load('/etc/passwd')",
    "numpy's texts": "import numpy as np\nnp.loadtxt('/etc/passwd')",
    "numpy's memory": "import numpy as np\nnp.memmap('/etc/passwd')",
    "numpy's bytes": "import numpy as np\nnp.frombuffer('x')",
    "numpy's C": "import numpy as np\nnp.ctypeslib.load_library('libc', '/')",
    "an array's C": "import numpy as np\nnp.zeros(3).ctypes.data",
    "an array's file": "import numpy as np\nnp.zeros(3).tofile('/tmp/x')",
    "an array's pickle": "import numpy as np\nnp.zeros(3).dump('/tmp/x')",
    "an array's strides": "import numpy as np\nnp.lib.stride_tricks.as_strided(np.zeros(1), (99,), (8,))",
    "an array's strides set": "import numpy as np\na = np.zeros(3)\na.strides = (80,)",
    "an array's kind set": "import numpy as np\na = np.zeros(3)\na.dtype = object",
    "an array's length set": "import numpy as np\na = np.zeros(3)\na.resize(9, refcheck=False)",
    "an array made by hand": "import numpy as np\nnp.ndarray((9,), buffer=np.zeros(1))",
    "the class of arrays kept": "import numpy as np\nmake = np.ndarray\nmake((9,))",
    "the class of arrays imported": "from numpy import ndarray\nndarray((9,))",
    "the class of arrays in a list": "import numpy as np\n[np.ndarray][0]((9,))",
    "numpy changed": "import numpy as np\nnp.pi = 3",
    "a function of numpy changed": "import numpy as np\nnp.linspace.name = 3",
    "numpy's settings": "import numpy as np\nnp.seterr(all='raise')",
    "numpy's core": "from numpy.core import multiarray\nmultiarray.fromfile('x')",
    "numpy's generators of bits": "from numpy.random import PCG64\nPCG64()",
    "a generator's memory": "import numpy as np\nnp.random.default_rng().bit_generator.ctypes",
    "points kept": "import bpy\nf = bpy.data.meshes[0].vertices.foreach_get",
    "points spread out": "import bpy\nbpy.data.meshes[0].vertices.foreach_get(*['co', []])",
    "a format kept": "f = '{0.__class__}'.format\nf(1)",
    "a pattern of a class": "match 1:\n    case int(real=x): pass",
    "with async": "async def f():\n    async with x: pass",
    "meshes' operators kept": "import bmesh\nx = bmesh.ops",
    "meshes' operators imported": "from bmesh import ops",
    "what numpy has of Python's": "from numpy import os\nos.getcwd()",
    "the wrangler's other parts": "from infinigen.core.nodes.node_wrangler import bpy as b\nb.utils",
    "the wrangler's module": "from infinigen.core.nodes import node_wrangler\nnode_wrangler.gate",
    "a network": "import socket\nsocket.socket()",
    "the clock": "import time\ntime.time()",
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
    "match on an attribute": "match 1:\n    case int(real=x): pass",
    "async": "async def f(): pass",
    "frames of a generator": "(x for x in ()).gi_frame",
    "a traceback": "try:\n    1/0\nexcept Exception as e:\n    e.__traceback__",
    "as_module": "import bpy\nbpy.data.texts['a'].as_module()",
    "text blocks": "import bpy\nbpy.data.texts.load('/etc/passwd')",
    "a picture from a file": "import bpy\nbpy.data.images.load('/etc/passwd')",
    "a picture's path": "import bpy\nbpy.data.images[0].filepath = '/etc/passwd'",
    "saving a picture": "import bpy\nbpy.data.images[0].save()",
    "saving a picture elsewhere": "import bpy\nbpy.data.images[0].save_render('/tmp/x')",
    "the render's path": "import bpy\nbpy.context.scene.render.filepath = '/tmp/x'",
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
    "the system's randomness": "import random\nrandom.SystemRandom()",
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
    "built-ins by an import's name": "import math as __builtins__",
    "built-ins by an imported name": "from math import floor as __builtins__",
    "one module by another's name": "import bpy\nimport math as bpy",
    "a module by an imported name": "import bpy\nfrom math import floor as bpy",
    "a module by a function's name": "import bpy\ndef bpy(): pass",
    "a module by an argument": "import bpy\ndef f(bpy): pass",
    "a module by an argument by name only": "import bpy\ndef f(*, bpy): pass",
    "a module by an argument by place only": "import bpy\ndef f(bpy, /): pass",
    "a module by the other arguments": "import bpy\ndef f(*bpy): pass",
    "a module by the other named arguments": "import bpy\ndef f(**bpy): pass",
    "a module by a lambda's argument": "import bpy\nf = lambda bpy: 1",
    "a module by an error": "import bpy\ntry:\n    pass\nexcept ValueError as bpy:\n    pass",
    "a module by a walrus": "import bpy\n(bpy := 1)",
    "a module by a comprehension": "import bpy\n[1 for bpy in ()]",
    "a module by a star": "import bpy\na, *bpy = 1, 2",
    "a module by an annotation": "import bpy\nbpy: int = 1",
    "a module by a sum": "import bpy\nbpy += 1",
    "a module taken away": "import bpy\ndel bpy",
    "a module made global": "import bpy\ndef f():\n    global bpy",
    "built-ins by an argument": "def f(__builtins__): pass",
    "built-ins by a lambda's argument": "f = lambda __builtins__: 1",
    "built-ins by an error": "try:\n    pass\nexcept ValueError as __builtins__:\n    pass",
    "built-ins by a walrus": "(__builtins__ := {})",
    "built-ins by a pattern": "match 1:\n    case __builtins__: pass",
    "built-ins by a starred pattern": "match 1:\n    case [*__builtins__]: pass",
    "built-ins by the rest of a pattern": "match 1:\n    case {**__builtins__}: pass",
    "built-ins made global": "def f():\n    global __builtins__",
    "wide letters": "__ｂuiltins__ = {}",
    "wide letters of an attribute": "x = 1\nx.__ｃlass__",
    "an operator module kept": "import bpy\nx = bpy.ops.mesh",
    "handlers": "import bpy\nx = bpy.app.handlers",
    "the application kept": "import bpy\nx = bpy.app",
    "the application imported": "from bpy import app",
    "the version changed": "import bpy\nbpy.app.version = 1",
    "types kept": "import bpy\nx = bpy.types",
    "a type kept": "import bpy\nx = bpy.types.Operator",
    "a type called in an annotation": "import bpy\ndef f(x: bpy.types.Operator()): pass",
    "beyond a type in an annotation": "import bpy\ndef f(x: bpy.types.Operator.mro): pass",
    "a type named in an annotation": "import bpy\ndef f(x: (kept := bpy.types.Operator)): pass",
    "a type handed on in an annotation": "import bpy\ndef f(x: (lambda t: t)(*[bpy.types.Operator])): pass",
    "a type looped over in an annotation": "import bpy\ndef f() -> [t.name for t in [bpy.types.Operator]]: pass",
    "a type changed in an annotation": "import bpy\ny: [bpy.types.Object][0].location = 3",
    "a type in a dictionary of an annotation": "import bpy\ny: {1: bpy.types.Object}[1] = 3",
    "types imported": "from bpy import types",
    "another future": "from __future__ import braces",
    "a future by another name": "from __future__ import annotations as __builtins__",
    "hints evaluated": "import typing\ntyping.get_type_hints(print)",
    "a forward reference": "import typing\ntyping.ForwardRef('x')",
    "a named tuple": "from typing import NamedTuple",
    "the system's random numbers": "from random import SystemRandom",
    "the module of random's": "import random\nrandom._os.system('id')",
    "a lambda's code": "(lambda: 1).__code__",
    "a method's function": "[].append.__self__",
    "a cell": "def f():\n    x = 1\n    return lambda: x\nf().__closure__",
    "an error's frame": "try:\n    1/0\nexcept ArithmeticError as e:\n    e.with_traceback(1).tb_frame",
    "an f-string's attribute": "x = 1\nf'{x.__class__!r:>{x.__class__}}'",
    "await": "async def f(): await 1",
    "a coroutine": "[x async for x in ()]",
    "errors in groups": "try:\n    pass\nexcept* ValueError:\n    pass",
    "halves of letters": "x = '\ud800'\nopen(x)",
    "a text's code": "import bpy\nbpy.data.texts.new('x').write('import os')",
    "a handler by context": "import bpy\nbpy.context.window_manager.event_timer_add(1)",
    "clipboard": "import bpy\nbpy.context.window_manager.clipboard",
    "copying a function's globals": "import bpy\nbpy.data.objects.foreach_get.__globals__",
    "memory of vertices": "import bpy\nbpy.data.meshes[0].vertices[0].as_pointer()",
    "an operator by its text": "import bpy\nbpy.ops.wm.call_menu(name='x')",
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


def test_nothing_of_a_refused_program_has_run(capsys):
    assert gate.check("print('ran')\nopen('x')")
    assert capsys.readouterr().out == ""


def _named_fields() -> dict[str, list[str]]:
    """Every kind of syntax of this Python whose description has identifiers, and those fields."""
    kinds, found = [ast.AST], {}
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        fields = re.findall(r"identifier[?*]? (\w+)", kind.__doc__ or "")
        if kind.__module__ in ("ast", "_ast") and "(" in (kind.__doc__ or "") and fields:
            found[kind.__name__] = [field for field in fields if field in kind._fields]
    return {name: fields for name, fields in found.items() if fields}


def test_every_field_of_the_grammar_that_holds_a_name_is_known_to_bind_one_or_not() -> None:
    known = {**grammar.BINDING_FIELDS, **grammar.NAMING_FIELDS}
    fields = _named_fields()
    assert len(fields) >= 15
    assert {name: sorted(found) for name, found in fields.items()} == {
        name: sorted(known[name]) for name in fields if name in known
    }


FORMS = [
    "n = 1", "n: int = 1", "n += 1", "for n in (): pass", "(n := 1)", "[0 for n in ()]", "a, *n = 1, 2", "del n",
    "import n", "import n.part", "import a as n", "from a import n", "from a import b as n", "def n(): pass",
    "async def n(): pass", "class n: pass", "def f(n): pass", "def f(n, /): pass", "def f(*, n): pass",
    "def f(*n): pass", "def f(**n): pass", "lambda n: 0", "try:\n    pass\nexcept E as n:\n    pass",
    "with a as n: pass", "def f():\n    global n", "def f():\n    n = 0\n    def g():\n        nonlocal n",
    "match a:\n    case n: pass", "match a:\n    case [*n]: pass", "match a:\n    case {**n}: pass",
    "match a:\n    case 1 as n: pass",
]  # fmt: skip


@pytest.mark.parametrize("source", FORMS)
def test_every_form_that_binds_a_name_is_found(source: str) -> None:
    assert "n" in {name for node in ast.walk(ast.parse(source)) for name in grammar.bindings(node)}


@pytest.mark.parametrize("source", [
    "from __future__ import annotations\nimport bpy\n",
    "import bpy\ndef f(m: bpy.types.Material) -> bpy.types.Material:\n    return m\n",
    "import bpy\nx: bpy.types.Object = bpy.data.objects['A']\n",
    "import bpy\ndef f(x: list[bpy.types.Object | None], y: tuple[int, bpy.types.Mesh]): return None\n",
    "import bpy\nfrom typing import Callable\nf: Callable[[bpy.types.Object], None] = print\n",
    "from typing import List, Optional\ndef f(x: List[int]) -> Optional[int]: return None\n",
    "import bpy\nif bpy.app.version >= (4, 0, 0):\n    print(bpy.app.version_string)\n",
    "import math\nimport math as m\nimport bpy\nimport bpy\nprint(m.pi)\n",
    "import bpy\nbpy.ops.object.mode_set(mode='OBJECT')\n",
    "import bpy\nbpy.data.lights['A'].cycles.cast_shadow = True\n",
    "import bpy\na = bpy.data.node_groups['G'].nodes[0]\na.pair_with_output(a)\n",
    "import random\nrandom.seed()\nrandom.seed(None)\nr = random.Random()\nprint(r.random())\n",
])  # fmt: skip
def test_what_models_often_write_passes(source: str) -> None:
    assert gate.check(source) is None


def test_a_refusal_says_what_to_do_instead() -> None:
    assert "set the value itself" in gate.check("import bpy\nbpy.data.objects[0].driver_add('location')")
    assert "`isinstance`" in gate.check("type(1)")
    assert "files are out of reach" in gate.check("open('x')")


def test_only_what_reaches_outside_is_refused_of_ordinary_programs(ordinary) -> None:
    refused = {name for name, source in ordinary.items() if gate.check(source)}
    assert refused == {"driver", "a module that is used"}
