"""Random numbers for programs, the same ones whenever a program runs.

A program's picture is compared with others', so it may not depend on when it ran. Without a seed, Python takes one from
the system; here it is a fixed one. Each program gets a module of its own: what one draws or seeds, no other sees.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from types import ModuleType

SEED = 0
_DRAWS = "betavariate choice choices expovariate gauss normalvariate randint random randrange sample shuffle triangular"
NAMES = ("Random", "seed", "uniform", *_DRAWS.split())
"""What a program finds in the module."""


def seeded_generator(next_seed: Callable[[], int | str]) -> type[random.Random]:
    """Python's generator, as a class that asks `next_seed` where Python asks the system or where an object lies."""

    class Random(random.Random):
        def seed(self, a: int | float | str | bytes | bytearray | None = None, version: int = 2) -> None:
            if a is None or (isinstance(a, float) and math.isnan(a)):  # a NaN's hash is its place in memory
                a = next_seed()
            super().seed(a, version)

    return Random


_Random = seeded_generator(lambda: SEED)


def random_module() -> ModuleType:
    """A module like Python's `random`, with `NAMES` alone, at the start of its numbers."""
    module, generator = ModuleType("random"), _Random()
    for name in NAMES:
        setattr(module, name, _Random if name == "Random" else getattr(generator, name))
    return module


def begin_noise(mathutils: ModuleType) -> None:
    """Set Blender's own generator, that of `mathutils.noise`, to its start: it begins with the time of day."""
    mathutils.noise.seed_set(SEED + 1)  # a seed of 0 is the time of day again
