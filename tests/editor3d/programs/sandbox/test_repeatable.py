"""Random numbers of programs do not depend on when they run, nor on what ran before."""

from __future__ import annotations

import random

import pytest

from editor3d.programs.sandbox import given

PROGRAMS = {
    "no seed": "import random\nfound.append(random.random())",
    "seeded by nothing": "import random\nrandom.seed()\nfound.append(random.random())",
    "seeded by None": "import random as r\nr.seed(None)\nfound.append(r.random())",
    "seeded by None by name": "from random import seed, random\nseed(a=None)\nfound.append(random())",
    "seeded by a call kept": "import random\ns = random.seed\ns()\nfound.append(random.random())",
    "seeded by no arguments": "import random\nrandom.seed(*[])\nfound.append(random.random())",
    "a generator": "import random\nfound.append(random.Random().random())",
    "a generator of None": "from random import Random as R\nfound.append(R(None).random())",
    "a generator seeded anew": "import random\nr = random.Random(3)\nr.seed()\nfound.append(r.random())",
    "seeded by no number": "import random\nrandom.seed(float('nan'))\nfound.append(random.random())",
    "a text": "import random\nrandom.seed('a')\nfound.append(random.gauss(0, 1))",
    "a number": "import random\nrandom.seed(5)\nfound.append(random.choice([1, 2, 3]) + random.uniform(0, 1))",
}


def _drawn(source: str) -> list[float]:
    found: list[float] = []
    exec(source, {"__builtins__": given.builtins(), "found": found})
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_draws_the_same_numbers_whenever_it_runs(name: str) -> None:
    first = _drawn(PROGRAMS[name])
    random.seed(name)  # the process's own generator, which others use
    _drawn("import random\nrandom.seed(99)\nfound.append(random.random())")
    assert _drawn(PROGRAMS[name]) == first


def test_a_seed_gives_the_numbers_that_python_gives() -> None:
    assert _drawn(PROGRAMS["a text"]) == [random.Random("a").gauss(0, 1)]


def test_the_process_s_own_numbers_are_left_alone() -> None:
    state = random.getstate()
    _drawn(PROGRAMS["a number"])
    assert random.getstate() == state


def test_noise_begins_at_its_start() -> None:
    mathutils = pytest.importorskip("mathutils")
    source = "import mathutils\nfound.append(mathutils.noise.random())"
    first = _drawn(source)
    mathutils.noise.random()
    assert _drawn(source) == first
