"""What a program that passed the gate is still kept from while it runs, and what works there as in Python."""

from __future__ import annotations

import numpy as np
import pytest

from editor3d.programs.sandbox import gate, given


def ran(source: str) -> dict:
    """The names that a program leaves, run as a worker runs it."""
    assert gate.check(source) is None, gate.check(source)
    code, names = given.prepare(source, "program")
    exec(code, names)
    return names


WORKS = {
    "a class": (
        "class Light:\n    kind = 'AREA'\n    def __init__(self, watts):\n"
        "        self.watts, self._half = watts, watts / 2\n"
        "    @property\n    def half(self):\n        return self._half\n"
        "class Key(Light):\n    def __init__(self):\n        super().__init__(8)\n"
        "    @staticmethod\n    def of(n):\n        return n + 1\n"
        "    @classmethod\n    def made(cls):\n        return cls()\n"
        "found = [Key.made().half, Key.of(1), Light(2).kind, isinstance(Key(), Light)]",
        [4.0, 2, "AREA", True],
    ),
    "the method of the class above": (
        "class A:\n    def told_by(self, n):\n        return n\n"
        "class B(A):\n    def told_by(self, n):\n        return super().told_by(n) + 1\nfound = B().told_by(1)",
        2,
    ),
    "a dataclass": (
        "from dataclasses import dataclass, field, replace\nfrom typing import List\n"
        "@dataclass(frozen=True)\nclass Spec:\n    watts: float\n    tints: List[float] = field(default_factory=list)\n"
        "a = Spec(watts=3.0)\nfound = [a.watts, a.tints, replace(a, watts=4.0).watts, a == Spec(3.0)]",
        [3.0, [], 4.0, True],
    ),
    "an error": (
        "class Missing(KeyError):\n    pass\ntry:\n    raise Missing('x')\nexcept Missing as e:\n    found = e.args",
        ("x",),
    ),
    "operators of a class": (
        "class V:\n    def __init__(self, x):\n        self.x = x\n    def __add__(self, other):\n"
        "        return V(self.x + other.x)\n    def __iter__(self):\n        yield self.x\nfound = list(V(1) + V(2))",
        [3],
    ),
    "with": (
        "log = []\nclass Scope:\n    def __enter__(self):\n        log.append('in')\n"
        "    def __exit__(self, *error):\n        log.append('out')\nwith Scope() as s:\n    log.append('at')\n"
        "found = log",
        ["in", "at", "out"],
    ),
    "a generator": ("def squares(n):\n    yield from (i * i for i in range(n))\nfound = list(squares(3))", [0, 1, 4]),
    "a decorator": ("def twice(f):\n    return lambda x: 2 * f(x)\n@twice\ndef f(x):\n    return x\nfound = f(2)", 4),
    "match": ("match (1, 'a'):\n    case (int_, 'a' | 'b'):\n        found = int_", 1),
    "format": ("found = '{0:>4} {x:.2f} {0!r} {1[k]}'.format('a', {'k': 2}, x=1.234)", "   a 1.23 'a' 2"),
    "a kept format": ("template = '{}-{}'\nfound = [template.format(i, i + 1) for i in range(2)]", ["0-1", "1-2"]),
    "getattr": ("found = [getattr(3, 'real'), getattr(3, 'location', 7)]", [3, 7]),
    "setattr": (
        "class Light:\n    pass\na = Light()\nfor name, value in {'energy': 2, 'colour_of_mine': 3}.items():\n"
        "    setattr(a, name, value)\nfound = [getattr(a, name) for name in ('energy', 'colour_of_mine')]",
        [2, 3],
    ),
    "names of Python given anew": ("input = 1\ntype = 2\nmax = 3\nfound = input + type + max", 6),
    "an import that nothing uses": ("import os, sys\nfrom os import path\nimport math\nfound = math.floor(1.5)", 1),
    "collections": (
        "from collections import Counter, defaultdict, deque\nfrom itertools import product\n"
        "from functools import partial, reduce\nd = defaultdict(list)\nd[1].append(2)\n"
        "found = [Counter('aab').most_common(1), dict(d), list(product('ab', repeat=1)), partial(pow, 2)(3)]",
        [[("a", 2)], {1: [2]}, [("a",), ("b",)], 8],
    ),
    "arrays": (
        "import numpy as np\na = np.arange(6).reshape(2, 3)\n"
        "found = [a.sum(axis=0).tolist(), float(np.linalg.norm([3, 4])), a.T.shape, isinstance(a, np.ndarray)]",
        [[3, 5, 7], 5.0, (3, 2), True],
    ),
    "an empty array is zeros": ("import numpy as np\nfound = np.empty((2, 2)).tolist()", [[0.0, 0.0], [0.0, 0.0]]),
}  # fmt: skip


@pytest.mark.parametrize("name", WORKS)
def test_it_works_as_in_python(name):
    source, expected = WORKS[name]
    assert ran(source)["found"] == expected


REFUSED = {
    "an attribute by a name that is put together": "getattr(1, '__cl' + 'ass__')",
    "an attribute by a loop": "for name in ('gi_frame', 'gi_code'):\n    getattr((x for x in ()), name)",
    "an attribute of a module": "import numpy as np\ngetattr(np.random, 'uniform')",
    "setting by a name that is put together": "class A:\n    pass\nsetattr(A, '__arr' + 'ay__', 1)",
    "setting what one class has, on another thing": (
        "class A:\n    def __init__(self):\n        self.gi_frame = 1\nsetattr((x for x in ()), 'gi_frame', 1)"
    ),
    "reading what one class has, on another thing": ("class A:\n    gi_frame = 1\nfound = (x for x in ()).gi_frame"),
    "a format's attribute": "'{0.__class__}'.format(1)",
    "a format's attribute by a kept text": "t = '{0.real.__class__}'\nt.format(1)",
    "a format's attribute behind an index": "'{0[0].__class__}'.format([1])",
    "a format's attribute in a width": "'{0:{1.real}}'.format(1, 2)",
    "a class of a text": "class A(str):\n    pass",
    "a class of an array": "import numpy as np\nclass A(np.float64):\n    pass",
    "a class of what a function gives": "class A((lambda: dict)()):\n    pass",
    "a class of a collection": "from collections import deque\nclass A(deque):\n    pass",
    "slots": "from dataclasses import dataclass\n@dataclass(slots=True)\nclass A:\n    n: int = 1",
    "a dataclass of Python's": "from collections import Counter\nfrom dataclasses import dataclass\ndataclass(Counter)",
    "a seed that is no number": "import numpy as np\nnp.random.default_rng(np.random.default_rng(1))",
    "an array's length by a name that is put together": "import numpy as np\ngetattr(np.arange(3), 'res' + 'ize')(9)",
    "the kind of an array set": "import numpy as np\na = np.arange(3)\nsetattr(a, 'dty' + 'pe', object)",
    "a file by a name that is put together": "import numpy as np\ngetattr(np.arange(3), 'to' + 'file')('x')",
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_ends_with_an_error_while_it_runs(name):
    assert gate.check(REFUSED[name]) is None
    with pytest.raises((AttributeError, TypeError, ValueError)):
        ran(REFUSED[name])


FLAT = {"rows without columns": (3, 0), "two dimensions": (3, 3)}


@pytest.mark.parametrize("name", FLAT)
def test_arrays_for_blender_are_as_long_as_their_memory(name):
    """Blender takes the number of rows for the number of values."""
    source = f"import numpy as np\nthing.foreach_get('co', np.zeros({FLAT[name]}))"
    code, names = given.prepare(source, "program")
    with pytest.raises(TypeError, match="flat"):
        exec(code, {**names, "thing": _Points()})


class _Points:
    def foreach_get(self, name: str, values: object) -> None:
        raise AssertionError("it reached Blender")


def test_the_module_that_is_given_as_numpy_has_what_is_listed_alone():
    numbers = ran("import numpy as np\nfrom numpy import random\nfound = [np.pi]")["np"]
    assert not {"load", "save", "fromfile", "memmap", "lib", "ctypeslib", "frombuffer", "core"} & vars(numbers).keys()
    assert not {"bit_generator", "mtrand", "Generator", "PCG64"} & vars(numbers.random).keys()


def test_unseeded_numbers_are_the_same_each_time_and_seeds_count():
    source = "import numpy as np, random\nfound = [np.random.rand(), random.random(), np.random.default_rng().random()]"
    assert ran(source)["found"] == ran(source)["found"]
    seeded = "import numpy as np\nnp.random.seed(7)\nfound = np.random.rand(2).tolist()"
    assert ran(seeded)["found"] == np.random.RandomState(7).rand(2).tolist()


def test_what_is_set_on_a_module_ends_with_its_program():
    ran("from numpy import linspace\nlinspace.name = 'kept'")
    assert not hasattr(np.linspace, "name")


def test_programs_are_given_listed_functions_only():
    names = given.builtins()
    assert names["len"] is len
    assert not {"open", "eval", "exec", "type", "compile", "input", "vars", "delattr", "dir"} & names.keys()
    assert names["__import__"]("math").pi > 3
    with pytest.raises(ImportError, match="os may not be imported"):
        names["__import__"]("os")
