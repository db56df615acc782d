"""Programs that kill their worker, or never end."""

from __future__ import annotations

import time

import numpy as np
import psutil

from editor3d.programs.core.contracts import RenderSettings
from editor3d.programs.rendering.pool import Workers

SLACK, GONE = 2.0, 1.0
"""Seconds after its deadline in which a candidate is reaped, and then its processes are gone."""
ANY = {"failed", "crashed", "timeout"}
FATAL = {
    "segfault": ("import ctypes\nctypes.string_at(0)", {"crashed"}),
    "abort": ("import os\nos.abort()", {"crashed"}),
    "exit": ("raise SystemExit(0)", {"failed"}),
    "exit at once": ("import os\nos._exit(0)", {"crashed"}),
    "deep recursion": ("def f(): f()\nf()", {"failed"}),
    "bottomless recursion": (
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
        ANY,
    ),
    "10 GB": ("kept = bytearray(10 << 30)", {"failed", "crashed"}),
    "10 GB in small parts": ("k = []\nwhile True: k.append(bytearray(1 << 24))", ANY),
    "endless loop": ("while True: pass", {"timeout"}),
    "deadlock": ("import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()", {"timeout"}),
    "sleep": ("import time\ntime.sleep(1000)", {"timeout"}),
    "fork bomb": ("import os\nwhile True: os.fork()", {"failed", "timeout"}),
    "threads": (
        "import threading\nwhile True: threading.Thread(target=threading.Event().wait).start()",
        {"failed", "timeout"},
    ),
    "12 subdivisions": (
        "import bpy\nm = bpy.data.objects['Block'].modifiers.new('S', 'SUBSURF')\nm.levels = 11\n"
        "while True: bpy.context.view_layer.update()",
        ANY,
    ),
    "64k squared": (
        "import bpy\nr = bpy.context.scene.render\nr.resolution_x = r.resolution_y = 65536\n"
        "while True: bpy.ops.render.render()",
        ANY,
    ),
    "a million samples": (
        "import bpy\nbpy.context.scene.cycles.samples = 10**6\nwhile True: bpy.ops.render.render()",
        {"timeout"},
    ),
    "closed ears": ("import os, time\nos.closerange(0, 64)\ntime.sleep(1000)", {"timeout", "crashed"}),
}


def test_whatever_kills_a_worker_is_reaped_and_the_next_candidate_is_fine(blend, programs):
    short = RenderSettings(width=32, height=32, samples=1, deadline=2.5)
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with Workers(blend("lighting"), short, gate=None, allow_weaker_sandbox=True) as workers:
        first = workers.render(programs["lighting"])
        assert first.status == "ok"
        for name, (source, expected) in FATAL.items():
            # the new worker's start is not the candidate's time
            workers._wait(worker := workers._idle.get())
            workers._idle.put(worker)
            pids = _family(worker.pid)
            began = time.monotonic()
            told = workers.render(source)
            assert time.monotonic() - began < short.deadline + SLACK, name
            assert told.status in expected, (name, told)
            assert told.image is None
            assert told.message
            assert not _alive(pids), name
        last = workers.render(programs["lighting"])
        assert last.status == "ok"
        assert np.array_equal(first.image, last.image)
    after = {child.pid for child in psutil.Process().children(recursive=True)}
    assert after <= before


def _alive(pids: list[int]) -> list[int]:
    until = time.monotonic() + GONE
    while (left := [pid for pid in pids if psutil.pid_exists(pid)]) and time.monotonic() < until:
        time.sleep(0.01)
    return left


def _family(pid: int) -> list[int]:
    guard = psutil.Process(pid)
    return [pid, *(child.pid for child in guard.children(recursive=True))]
