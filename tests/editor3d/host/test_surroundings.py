"""A user without a name, a home or a folder for temporary files of others gets what libraries ask for."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from editor3d.host.surroundings import lent, private_folder, settle, settled


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


def test_what_is_lent_is_taken_back_and_what_was_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THERE", "theirs")
    monkeypatch.delenv("NOT_THERE", raising=False)
    before = dict(os.environ)
    with suppress(KeyError), lent(THERE="ours", NOT_THERE="ours"):
        assert (os.environ["THERE"], os.environ["NOT_THERE"]) == ("theirs", "ours")
        with lent(NOT_THERE="inner"):
            assert os.environ["NOT_THERE"] == "ours"
        assert os.environ["NOT_THERE"] == "ours"
        os.environ["MADE"] = "meanwhile"
        raise KeyError
    assert os.environ.pop("MADE") == "meanwhile"
    assert dict(os.environ) == before


def test_a_user_without_a_name_is_unnamed_again_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("os.access", lambda path, mode: tmp_path in Path(path).parents)
    for name in ("USER", "HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    with settled():
        assert os.environ["HOME"] == "/"
        assert os.environ["MPLCONFIGDIR"] == str(tmp_path / f"editor3d-matplotlib-{os.getuid()}")
        assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    assert dict(os.environ) == before


@pytest.mark.parametrize("chosen", [None, "ACTIVE"])
def test_a_command_lets_threads_wait_passively_unless_told_otherwise(chosen: str | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    code = (
        "import dataclasses, os, sys\n"
        "from editor3d import cli, registry\n"
        "@dataclasses.dataclass\n"
        "class Seen:\n"
        "    def run(self):\n"
        "        assert 'torch' not in sys.modules  # which reads it when it is imported\n"
        "        print(os.environ['OMP_WAIT_POLICY'])\n"
        "        return 0\n"
        "registry.load_target = lambda target: Seen\n"
        "sys.exit(cli.main(['doctor']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | ({"OMP_WAIT_POLICY": chosen} if chosen else {}),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout.strip()) == (0, chosen or "PASSIVE"), done.stderr


def test_calls_from_python_leave_the_environment_as_it_was(tiny_capture: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    code = (
        "import os, sys, editor3d, editor3d.api as api\n"
        "def opened(path):\n"
        "    seen.append(os.environ['OMP_WAIT_POLICY'])\n"
        "    return resolve(path)\n"
        "seen, resolve, api.resolve_data = [], api.resolve_data, opened\n"
        "before = dict(os.environ)\n"
        "editor3d.load(sys.argv[1])\n"
        "try:\n"
        "    editor3d.load('/nonexistent')\n"
        "except editor3d.Editor3DError:\n"
        "    print(seen, {name for name in os.environ if os.environ[name] != before.get(name)} & {'OMP_WAIT_POLICY'})"
    )
    done = subprocess.run([sys.executable, "-c", code, tiny_capture], env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "['PASSIVE', 'PASSIVE'] set()", done.stderr


def test_a_private_folder_is_the_same_one_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = private_folder("things")
    assert folder == private_folder("things")
    assert folder.stat().st_mode & 0o077 == 0


def test_a_stand_in_goes_when_the_process_ends(tmp_path: Path) -> None:
    (tmp_path / f"editor3d-things-{os.getuid()}").touch()
    code = "from editor3d.host.surroundings import private_folder; print(private_folder('things').is_dir())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "True"
    assert [path.name for path in tmp_path.iterdir()] == [f"editor3d-things-{os.getuid()}"]
