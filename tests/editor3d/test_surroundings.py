"""A user without a name, a home or a folder for temporary files of others gets what libraries ask for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from editor3d.surroundings import private_folder, settle


def unknown(number: int):
    raise KeyError(number)


def test_a_user_without_a_name_gets_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import getpass

    monkeypatch.setattr("pwd.getpwuid", unknown)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises((KeyError, OSError)):
        getpass.getuser()
    settle()
    assert getpass.getuser() == f"user{os.getuid()}"
    assert Path.home() == Path("/")


def test_names_and_homes_that_are_there_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.setenv("USER", "ada")
    monkeypatch.setenv("HOME", "/home/ada")
    settle()
    assert (os.environ["USER"], os.environ["HOME"]) == ("ada", "/home/ada")


def test_matplotlib_gets_a_folder_only_where_it_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MPLCONFIGDIR", raising=False)
    settle()
    assert "MPLCONFIGDIR" not in os.environ
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != Path("/") and tmp_path in Path(path).parents)
    monkeypatch.setenv("XDG_CACHE_HOME", "/nonexistent")
    settle()
    assert Path(os.environ["MPLCONFIGDIR"]) == tmp_path / f"editor3d-matplotlib-{os.getuid()}"
    monkeypatch.delenv("MPLCONFIGDIR")


def test_a_private_folder_is_the_same_one_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = private_folder("things")
    assert folder == private_folder("things")
    assert folder.stat().st_mode & 0o077 == 0


def test_a_stand_in_goes_when_the_process_ends(tmp_path: Path) -> None:
    (tmp_path / f"editor3d-things-{os.getuid()}").touch()
    code = "from editor3d.surroundings import private_folder; print(private_folder('things').is_dir())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "True"
    assert [path.name for path in tmp_path.iterdir()] == [f"editor3d-things-{os.getuid()}"]
