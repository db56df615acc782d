from __future__ import annotations

import errno
import importlib.util
import json
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import torch

from editor3d.cli import checks, main, system_libraries
from editor3d.cli.checks import Check
from editor3d.cli.commands.checks.doctor import all_well, as_json, print_checks
from editor3d.cli.system_libraries import LIBRARIES, Library
from editor3d.host import gsplat_kernels
from editor3d.host.gsplat_kernels import compiled_kernels


def by_name(found: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in found}


def test_a_failed_check_always_says_what_to_do(tmp_path):
    for found in (
        checks.check_packages(),
        checks.check_packages("no-such-distribution"),
        checks.check_methods(),
        checks.check_device(),
        checks.check_system_libraries(),
        checks.check_places(tmp_path),
    ):
        for check in found:
            assert check.detail
            assert check.ok == (check.remedy == ""), check


class FakeMetadata(dict):
    def get_all(self, key):
        return ["blender", "pytorch3d", "dev"] if key == "Provides-Extra" else None


@pytest.fixture
def declare(monkeypatch):
    """Has a distribution of one's own declare requirements; gives what is installed, which may be changed."""

    def replace_metadata(*declared, **installed):
        def version(name):
            if name not in installed:
                raise metadata.PackageNotFoundError(name)
            return installed[name]

        fake = FakeMetadata({"Version": "0.1.0", "Requires-Python": ">=3.11,<3.12"})
        monkeypatch.setattr(checks.metadata, "version", version)
        monkeypatch.setattr(checks.metadata, "requires", lambda name: declared)
        monkeypatch.setattr(checks.metadata, "metadata", lambda name: fake)
        return installed

    return replace_metadata


def test_what_an_extra_asks_of_a_common_package_counts_once_the_extra_is_there(declare):
    """PyTorch3D fits one torch, the rest of the project many."""
    installed = declare(
        "torch>=2.6", 'torch==2.12.1; extra == "pytorch3d"', 'drawer==1; extra == "pytorch3d"', torch="2.8.0"
    )
    found = by_name(checks.check_packages())
    assert found["torch"].ok
    assert not found["drawer"].ok
    assert not found["drawer"].required
    assert found["drawer"].remedy == 'pip install "editor3d[pytorch3d]"'
    assert "torch for pytorch3d" not in found

    installed["drawer"] = "1"
    found = by_name(checks.check_packages())
    assert found["torch"].ok
    assert not found["torch for pytorch3d"].ok
    assert "2.8.0, but ==2.12.1" in found["torch for pytorch3d"].detail

    installed["torch"] = "2.12.1"
    assert all(check.ok for check in checks.check_packages())


def test_packages_are_judged_by_what_the_distribution_declares(declare):
    declare(
        "numpy<2,>=1.26.4",
        "torch==2.12.1",
        "absent>=3",
        'bpy==4.5.15; extra == "blender"',
        'other; extra == "blender"',
        'ruff; extra == "dev"',
        numpy="1.26.4",
        torch="2.13.0",
        bpy="4.5.15",
    )
    found = by_name(checks.check_packages())

    assert found["numpy"].ok
    assert found["bpy"].ok
    assert not found["bpy"].required
    assert not found["torch"].ok
    assert "2.13.0, but ==2.12.1" in found["torch"].detail
    assert found["torch"].remedy == 'pip install "torch==2.12.1"'
    assert found["absent"].remedy == 'pip install "absent>=3"'
    assert found["other"].remedy == 'pip install "editor3d[blender]"'
    assert not found["other"].required
    assert "ruff" not in found
    assert found["python"].ok


def test_one_command_brings_all_missing_libraries(monkeypatch):
    libraries = (
        Library("libc.so.6", "libc6", ("open3d", "bpy")),
        Library("libno-such-thing.so.9", "nothing9", ("open3d",)),
        Library("libnor-this.so.1", "nor-this1", ("open3d", "bpy")),
        Library("libof-no-interest.so.1", "of-no-interest1", ("absent",)),
    )
    monkeypatch.setattr(checks, "LIBRARIES", libraries)
    monkeypatch.setattr(checks, "LIBRARY_USERS", {"open3d": "meshes", "bpy": "programs", "absent": "use"})
    monkeypatch.setattr(checks.importlib.util, "find_spec", lambda name: None if name == "absent" else name)
    found = by_name(checks._check_libraries())
    assert list(found) == ["for open3d", "for bpy"]
    for check in found.values():
        assert not check.ok
        assert not check.required
        assert check.remedy == "apt-get install nothing9 nor-this1"
        assert "libc.so.6" not in check.detail
    assert found["for open3d"].detail == "libno-such-thing.so.9, libnor-this.so.1 missing; without them no meshes"
    assert found["for bpy"].detail == "libnor-this.so.1 missing; without it no programs"

    monkeypatch.setattr(checks, "LIBRARIES", libraries[:1])
    assert all(check.ok and check.detail == "libc.so.6" for check in checks._check_libraries())


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("ldd") is None, reason="asks the loader of Linux")
@pytest.mark.parametrize("name", checks.LIBRARY_USERS)
def test_the_libraries_are_those_that_the_packages_ask_for(name):
    spec = importlib.util.find_spec(name)
    if spec is None:
        pytest.skip(f"{name} is not installed")
    folder = Path(spec.origin).parent
    modules = [path for path in (*folder.glob("*.so"), *folder.glob("*/*.so")) if "_ops" not in path.name]
    asked = " ".join(subprocess.run(["ldd", *modules], capture_output=True, text=True).stdout.split())
    for library in LIBRARIES:
        assert name not in library.needed_by or f" {library.soname} => " in asked, library


def test_a_machine_is_made_ready_before_anything_is_installed():
    script = [sys.executable, "-I", "-S", system_libraries.__file__]  # without site-packages
    result = subprocess.run(script, capture_output=True, text=True, check=True)
    assert result.stdout.split() == [library.debian for library in system_libraries.missing_libraries()]


def test_output_folder_that_cannot_be_made_is_found_without_touching_it(tmp_path):
    (tmp_path / "file").write_text("")
    bad, good = checks._check_output(tmp_path / "file" / "out"), checks._check_output(tmp_path / "new" / "out")
    assert not bad.ok
    assert bad.required
    assert good.ok
    assert not (tmp_path / "new").exists()


def test_little_space_is_a_warning(tmp_path, monkeypatch):
    usage = checks.shutil.disk_usage(tmp_path)._replace(free=10**6)
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda path: usage)
    check = checks._check_output(tmp_path)
    assert not check.ok
    assert not check.required


def test_kernel_cache_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))
    assert checks._check_kernel_cache().detail == str(tmp_path / "kernels")


GOOD = Check("packages", "a", True, "1.0")
OPTIONAL = Check("weights", "b", False, "missing", required=False, remedy="get b")
BAD = Check("packages", "c", False, "not installed", remedy="pip install c")


def test_only_required_checks_decide():
    assert all_well([GOOD, OPTIONAL])
    assert not all_well([GOOD, BAD])
    report = json.loads(as_json([GOOD, OPTIONAL, BAD]))
    assert report["ok"] is False
    assert [check["name"] for check in report["checks"]] == ["a", "b", "c"]
    assert report["checks"][1]["remedy"] == "get b"


def test_people_see_marks_and_remedies(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    print_checks([GOOD, BAD, OPTIONAL])
    shown = capsys.readouterr().out
    for part in ("packages", "MISSING", "pip install c", "get b", "Editing needs: c.", "Optional and missing: b."):
        assert part in shown


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_doctor_exit_code_is_that_of_its_checks(words, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(checks, "check_packages", lambda: [BAD])
    assert main(["doctor", "--output", str(tmp_path), *words]) == 1
    monkeypatch.setattr(checks, "check_packages", lambda: [GOOD])
    monkeypatch.setattr(checks, "check_methods", lambda: [OPTIONAL])
    capsys.readouterr()
    assert main(["doctor", "--output", str(tmp_path), *words]) == 0
    shown = capsys.readouterr().out
    assert not words or json.loads(shown)["ok"] is True


@pytest.fixture
def no_gsplat_kernels(tmp_path, monkeypatch):
    """A machine without compiled kernels and compiler; gives the folder that compiled ones go to."""
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / "built"))
    monkeypatch.setenv("PATH", str(tmp_path))
    if compiled_kernels("12.6") is not None:
        pytest.skip("gsplat came with its kernels")
    return tmp_path / "built" / "gsplat_cuda"


def test_gsplats_kernels_are_looked_for_and_not_compiled(no_gsplat_kernels):
    missing = checks.check_gsplat("12.6")
    assert not missing.ok
    assert not missing.required
    assert "12.6" in missing.remedy
    compiler = no_gsplat_kernels.parents[1] / "nvcc"
    compiler.write_text("#!/bin/sh\ntouch $(dirname $0)/ran\n")
    compiler.chmod(0o755)
    waiting = checks.check_gsplat("12.6")
    assert waiting.ok
    assert str(compiler) in waiting.detail
    no_gsplat_kernels.mkdir(parents=True)
    (no_gsplat_kernels / "gsplat_cuda.so").touch()
    assert checks.check_gsplat("12.6").detail == str(no_gsplat_kernels / "gsplat_cuda.so")
    assert not (no_gsplat_kernels.parents[1] / "ran").exists()


def test_compiled_kernels_are_found_where_torch_keeps_them(tmp_path, monkeypatch):
    """By the same rule as torch's own function, which makes the folder while it looks."""
    from torch.utils.cpp_extension import _get_build_directory

    monkeypatch.delenv("TORCH_EXTENSIONS_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = gsplat_kernels._build_folder(torch.version.cuda)
    assert not folder.exists()
    assert Path(_get_build_directory(gsplat_kernels.NAME, verbose=False)) == folder


def test_without_a_folder_for_temporary_files_that_alone_is_told(monkeypatch, capsys):
    """torch cannot be imported then, nor anything be edited."""

    def none() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp', '/']")

    monkeypatch.setattr("tempfile.gettempdir", none)
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "Expected a folder for temporary files, found none that can be written in ['/tmp', '/']: set TMPDIR" in said
    assert "export TMPDIR=" in said
    assert "Editing needs: temporary files." in said


@pytest.mark.parametrize("required", [True, False])
def test_only_what_editing_needs_and_lacks_is_named_where_that_is_asked_for(required, monkeypatch, capsys):
    lacking = Check(
        "packages", "torch", ok=False, detail="not installed", remedy="pip install torch", required=required
    )
    monkeypatch.setattr(checks, "check_packages", lambda: [lacking])
    code = main(["doctor", "--missing"])
    said = capsys.readouterr().out
    if required:
        assert code == 1
        assert "pip install torch" in said
        assert "Editing needs: torch" in said
        assert "ok " not in said
    else:
        assert said == ""
