"""Make random numbers repeatable: the same program always draws the same numbers, however it seeds.

Runs inside the worker. `tame` replaces by seeded generators those of `random`, `mathutils.noise` and numpy
that would take their seed from the system or the clock; `start` begins their sequence anew before each program.
"""

from __future__ import annotations

import random

import bpy  # noqa: F401 (mathutils comes with it)
import mathutils
import numpy as np
import numpy.random.bit_generator as bit_generator

from editor3d.programs.sandbox.repeatable import seeded_generator


class _Sequence:
    """Where seeds come from that nobody gave."""

    __slots__ = ("drawn", "seed")

    def __init__(self) -> None:
        self.seed = self.drawn = 0

    def next(self) -> str:
        self.drawn += 1
        return f"{self.seed}/{self.drawn}"


_sequence = _Sequence()
_Seeded = seeded_generator(_sequence.next)
"""Follows from the worker's seed and the number of generators before it, where it is given no seed of its own."""


def tame() -> None:
    """Do so, once, before any program runs."""
    before, seeded = random._inst, _Seeded(0)
    for name, function in list(vars(random).items()):
        if getattr(function, "__self__", None) is before:
            setattr(random, name, getattr(seeded, name))
    random._inst, random.Random, random.SystemRandom = seeded, _Seeded, _Seeded
    set_seed = mathutils.noise.seed_set

    def seed_set(seed: int) -> None:
        """Blender's own takes 0 for the time of day."""
        set_seed(seed or 1)

    mathutils.noise.seed_set = seed_set
    # all of numpy's generators that are given no seed take theirs from here
    bit_generator.randbits = lambda bits: random.Random().getrandbits(bits)


def start(seed: int) -> None:
    """Begin as at the first time."""
    _sequence.seed, _sequence.drawn = seed, 0
    random.seed(seed)
    mathutils.noise.seed_set(seed + 1)
    np.random.seed(seed)
