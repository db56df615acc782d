"""Random numbers for programs, the same ones whenever a program runs.

A program's picture is compared with others', so it may not depend on when it ran. Without a seed, Python takes one from
the system; here it is a fixed one. Each program gets a module of its own: what one draws or seeds, no other sees.
"""

from __future__ import annotations

import random
from types import ModuleType

SEED = 0
_DRAWS = "betavariate choice choices expovariate gauss normalvariate randint random randrange sample shuffle triangular"
NAMES = ("Random", "seed", "uniform", *_DRAWS.split())
"""What a program finds in the module."""


class _Random(random.Random):
    """Python's generator; without a seed, or with None or a NaN, whose hash is its place in memory, it is `SEED`."""

    def seed(self, a: int | float | str | bytes | bytearray | None = None, version: int = 2) -> None:
        super().seed(SEED if a is None or a != a else a, version)


def random_module() -> ModuleType:
    """A module like Python's `random`, with `NAMES` alone, at the start of its numbers."""
    module, generator = ModuleType("random"), _Random()
    for name in NAMES:
        setattr(module, name, _Random if name == "Random" else getattr(generator, name))
    return module


def begin_noise(mathutils: ModuleType) -> None:
    """Set Blender's own generator, that of `mathutils.noise`, to its start: it begins with the time of day."""
    mathutils.noise.seed_set(SEED + 1)  # a seed of 0 is the time of day again
