from __future__ import annotations

import json
from importlib import metadata

import pytest

from editor3d.cli import checks, main
from editor3d.cli.checks import Check
from editor3d.cli.doctor import all_well, as_json, print_checks


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
        return ["blender", "dev"] if key == "Provides-Extra" else None


def test_packages_are_judged_by_what_the_distribution_declares(monkeypatch):
    installed = {"numpy": "1.26.4", "torch": "2.13.0", "bpy": "4.5.15"}

    def version(name):
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    declared = [
        "numpy<2,>=1.26.4",
        "torch==2.12.1",
        "absent>=3",
        'bpy==4.5.15; extra == "blender"',
        'other; extra == "blender"',
        'ruff; extra == "dev"',
    ]
    fake = FakeMetadata({"Version": "0.1.0", "Requires-Python": ">=3.11,<3.12"})
    monkeypatch.setattr(checks.metadata, "version", version)
    monkeypatch.setattr(checks.metadata, "requires", lambda name: declared)
    monkeypatch.setattr(checks.metadata, "metadata", lambda name: fake)
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


def test_missing_system_library_names_its_package():
    check = checks._check_library("libno-such-thing.so.9", "a test", "apt-get install nothing")
    assert not check.ok
    assert not check.required
    assert "a test" in check.detail
    assert check.remedy == "apt-get install nothing"
    assert checks._check_library("libc.so.6", "everything", "").ok


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
