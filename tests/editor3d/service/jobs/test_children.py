"""Processes of jobs that are started ahead do what those do that are started when they are needed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from editor3d.service.jobs.children import Children

WORDS = ["list", "presets"]


def output(children: Children, folder: Path, name: str) -> str:
    process, told = children.begin(folder, folder / name, WORDS)
    process.communicate(told)
    assert process.returncode == 0
    return (folder / name).read_text()


@pytest.mark.slow
def test_a_process_that_waits_carries_out_the_next_command(tmp_path: Path) -> None:
    children = Children(None, ahead=True)
    children.prepare()
    waiting = children._ready
    assert waiting is not None
    process, told = children.begin(tmp_path, tmp_path / "log", WORDS)
    assert process is waiting
    process.communicate(told)
    assert process.returncode == 0
    assert output(children, tmp_path, "other") == (tmp_path / "log").read_text() != ""
    children.close()


def test_a_process_that_was_never_needed_ends_with_the_others() -> None:
    children = Children(None, ahead=True)
    children.prepare()
    waiting = children._ready
    assert waiting is not None
    children.prepare()
    assert children._ready is waiting
    children.close()
    assert waiting.poll() is not None


def test_a_process_that_has_died_is_replaced(tmp_path: Path) -> None:
    children = Children(None, ahead=True)
    children.prepare()
    first = children._ready
    assert first is not None
    first.kill()
    while first.poll() is None:
        time.sleep(0.01)
    children.prepare()
    assert children._ready is not first
    children.close()
