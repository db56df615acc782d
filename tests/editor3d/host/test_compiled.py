"""Machine code of kernels is kept where it can be, and kernels run where it cannot."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from editor3d.cli import checks
from editor3d.host import compiled
from editor3d.host.compiled import CACHE_VARIABLE, KERNEL_FOLDERS, kernel_cache

ROOT = Path(compiled.__file__).parents[2]


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program folder and a home that cannot be written, and a folder for temporary files that can."""
    writable = compiled._writable
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(compiled, "_writable", lambda folder: tmp_path in folder.parents and writable(folder))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.delenv(CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/nowhere")
    return tmp_path / "tmp"


def test_all_modules_with_kernels_are_known_and_compile_through_one() -> None:
    found = set()
    for package in ("editor3d", "gaussian", "lab", "mesh", "nerf_methods"):
        for path in (ROOT / package).rglob("*.py"):
            source = path.read_text(encoding="utf-8")
            assert path == Path(compiled.__file__) or not re.search(
                r"numba\.n?jit\(|from numba import .*\bn?jit\b", source
            )
            if re.search(r"^@njit\(", source, re.MULTILINE):
                found.add(path.parent.relative_to(ROOT).as_posix())
    assert sorted(found) == sorted(KERNEL_FOLDERS)


def test_the_places_are_taken_in_numbas_order(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kernel_cache() == (nowhere / f"editor3d-kernels-{os.getuid()}", "temporary")
    monkeypatch.setenv("XDG_CACHE_HOME", str(nowhere / "cache"))
    assert kernel_cache() == (nowhere / "cache" / "numba", "user")
    monkeypatch.setenv(CACHE_VARIABLE, str(nowhere / "own"))
    assert kernel_cache() == (nowhere / "own", "chosen")
    monkeypatch.setenv(CACHE_VARIABLE, "/nowhere")
    assert kernel_cache().kind == "user"


def test_without_a_home_no_folder_called_tilde_is_made(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(nowhere)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    assert kernel_cache().kind == "temporary"
    assert not (nowhere / "~").exists()


@pytest.mark.parametrize("taken", ["open", "link", "file"])
def test_a_temporary_folder_that_others_can_write_to_is_not_taken(nowhere: Path, taken: str) -> None:
    name = nowhere / f"editor3d-kernels-{os.getuid()}"
    if taken == "open":
        name.mkdir()
        name.chmod(0o777)
    elif taken == "link":
        (nowhere / "other").mkdir(mode=0o700)
        name.symlink_to(nowhere / "other")
    else:
        name.touch()
    folder = kernel_cache().folder
    assert folder not in (None, name)
    assert kernel_cache().folder == folder
    assert folder.stat().st_mode & 0o077 == 0


def test_the_doctor_tells_where_kernels_are_kept(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check = checks._check_kernel_cache()
    assert check.ok
    assert f"editor3d-kernels-{os.getuid()}, as neither" in check.detail
    monkeypatch.setenv(CACHE_VARIABLE, "/nowhere")
    check = checks._check_kernel_cache()
    assert not check.ok
    assert check.detail.startswith(f"/nowhere ({CACHE_VARIABLE}) cannot be written: {nowhere}")
    monkeypatch.setattr(compiled, "private_folder", lambda name: (_ for _ in ()).throw(FileNotFoundError()))
    check = checks._check_kernel_cache()
    assert not check.ok
    assert "compiled anew in every run" in check.detail
    assert CACHE_VARIABLE in check.remedy


@pytest.mark.parametrize("kind", ["temporary", "none"])
def test_a_kernel_runs_wherever_its_code_is_kept(tmp_path: Path, kind: str) -> None:
    """In a process of its own, in which numba itself would find no place."""
    code = f"""
import numba
from pathlib import Path
from numba.core.caching import CacheImpl
from editor3d.host import compiled
CacheImpl._locator_classes = CacheImpl._locator_classes[:1]
folder = {str(tmp_path)!r} if {kind!r} == "temporary" else None
compiled.kernel_cache = lambda: compiled.KernelCache(folder and Path(folder), {kind!r})
exec(compile("@compiled.njit(nogil=True)\\ndef double(x):\\n    return 2 * x\\n", __file__, "exec"))
assert double(21) == 42
assert bool(double.stats.cache_path) == bool(folder), double.stats
"""
    script = tmp_path / "script.py"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop(CACHE_VARIABLE, None)
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert bool(list(tmp_path.rglob("*.nbi"))) == (kind == "temporary")


@pytest.fixture
def compiling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were started to compile, which end well; a cache that is empty."""
    started: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess:
        started.append(command[1:])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(compiled, "kernel_cache", lambda: compiled.KernelCache(tmp_path, "chosen"))
    monkeypatch.setattr(compiled.subprocess, "run", run)
    monkeypatch.delenv(compiled._COMPILING, raising=False)
    compiled.require.cache_clear()
    yield started
    compiled.require.cache_clear()


def test_kernels_are_compiled_by_another_process_once(compiling: list[list[str]]) -> None:
    for _ in range(2):
        compiled.require("gaussian.warmup")
        compiled.require.cache_clear()  # as in another process
    compiled.require("nerf_methods.voxel.warmup")
    assert compiling == [["-m", "gaussian.warmup"], ["-m", "nerf_methods.voxel.warmup"]]


def test_kernels_are_compiled_anew_for_other_sources(
    compiling: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled.require("gaussian.warmup")
    compiled.require.cache_clear()
    monkeypatch.setattr("numba.__version__", "another")
    compiled.require("gaussian.warmup")
    assert len(compiling) == 2


@pytest.mark.parametrize("kind", ["temporary", "user"])
def test_the_process_that_compiles_keeps_code_in_this_ones_temporary_folder(
    compiling: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    environments: list[dict[str, str]] = []

    def run(command: list[str], *, env: dict[str, str], **_: object) -> subprocess.CompletedProcess:
        environments.append(env)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.delenv(CACHE_VARIABLE, raising=False)
    monkeypatch.setattr(compiled, "kernel_cache", lambda: compiled.KernelCache(tmp_path, kind))
    monkeypatch.setattr(compiled.subprocess, "run", run)
    compiled.require("gaussian.warmup")
    (found,) = environments
    assert found.get(CACHE_VARIABLE) == (str(tmp_path) if kind == "temporary" else None)


def test_the_process_that_compiles_starts_no_other(compiling: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(compiled._COMPILING, "1")
    compiled.require("gaussian.warmup")
    monkeypatch.delenv(compiled._COMPILING)
    compiled.require.cache_clear()
    monkeypatch.setattr(compiled, "kernel_cache", lambda: compiled.KernelCache(None, "none"))
    compiled.require("gaussian.warmup")
    assert compiling == []
