"""Tiny insertions."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nerf_methods.nerf_insert.method import nerf_insert

AROUND = "box:0,0,0,1.1,1.1,1.1"


@pytest.fixture
def insertion(tiny_edit) -> Callable[..., object]:
    """Makes the configuration of a tiny insertion; `pipeline` are fields of its pipeline, the rest its own."""

    def make(pipeline: dict | None = None, steps: int = 6, **own):
        fields = {"edit_rate": 3, "min_mask": 0.0, "mask_rays": 1.0, **(pipeline or {})}
        asked = {"instruction": "a red ball", "editor": "auto", "region": AROUND, **own}
        return tiny_edit(method=nerf_insert, pipeline=fields, steps=steps, **asked)

    return make
