"""How many processes render at once."""

from __future__ import annotations

import pytest

from editor3d.programs.core.contracts import RenderSettings
from editor3d.programs.rendering import processes
from editor3d.programs.rendering.pool import Workers

GIB = 1 << 30


@pytest.mark.parametrize(
    ("opened", "free", "cores", "count"),
    [
        (GIB // 2, 64 * GIB, 4, 4),  # one a core
        (GIB // 2, 64 * GIB, 64, 16),
        (4 * GIB, 20 * GIB, 8, 1),  # a large scene
        (2 * GIB, 34 * GIB, 8, 4),
        (GIB, 0, 8, 1),
    ],
)
def test_cores_and_memory_limit_them(opened, free, cores, count):
    assert processes.count_for(opened, free, cores) == count


def test_a_scene_s_own_size_is_measured(blend, monkeypatch):
    found = []
    monkeypatch.setattr(processes, "count_for", lambda *measured: found.append(measured) or 2)
    settings = RenderSettings(width=16, height=16, samples=1)
    with Workers(blend("lighting"), settings, count=None, allow_weaker_sandbox=True) as workers:
        assert workers.count == 2
        assert workers.render("import bpy").status == "ok"
    opened, free, cores = found[0]
    assert 100 << 20 < opened < 4 * GIB
    assert free > 0
    assert cores >= 1
