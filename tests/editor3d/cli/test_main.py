from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path

import pytest

import editor3d
from editor3d.cli import COMMANDS, Command, main
from editor3d.errors import DataError
from editor3d.registry import METHODS, load_target

HEAVY = ("torch", "nerfstudio", "diffusers", "cv2", "transformers", "torchvision")


def python(*words: str, **env: str) -> subprocess.CompletedProcess:
    hidden = ("EDITOR3D_DEBUG", "PYTHONWARNINGS")
    environment = {k: v for k, v in os.environ.items() if k not in hidden} | env
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, env=environment, timeout=60)


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        [],
        ["list", "methods"],
        ["list", "editors"],
        ["list", "presets"],
        *([name, "--help"] for name in COMMANDS),
    ],
    ids=" ".join,
)
def test_help_and_lists_import_nothing_heavy(words):
    code = (
        "import json, sys\n"
        "from editor3d.cli import main\n"
        f"rc = main({words!r})\n"
        f"print(json.dumps([rc, [m for m in {HEAVY!r} if m in sys.modules]]), file=sys.stderr)"
    )
    done = python("-c", code)
    assert json.loads(done.stderr.splitlines()[-1]) == [0, []]
    assert done.stdout


@pytest.mark.parametrize("words", [["--help"], [], ["--version"]], ids=" ".join)
def test_help_imports_no_library_of_others(words):
    code = (
        "import json, sys\n"
        "from editor3d.cli import main\n"
        f"rc = main({words!r})\n"
        "print(json.dumps([rc, sorted(sys.modules)]), file=sys.stderr)"
    )
    rc, modules = json.loads(python("-c", code).stderr.splitlines()[-1])
    assert rc == 0
    assert not {"torch", "numpy", "tyro", "rich", "PIL", "editor3d.api"} & set(modules)


def test_the_package_imports_neither_torch_nor_numpy_before_a_name_is_used():
    code = (
        "import json, sys\n"
        "import editor3d\n"
        "before = [name for name in ('torch', 'numpy') if name in sys.modules]\n"
        "print(json.dumps([before, [callable(getattr(editor3d, n)) for n in "
        "editor3d.__all__], 'load' in dir(editor3d)]))"
    )
    assert json.loads(python("-c", code).stdout) == [[], [True] * len(editor3d.__all__), True]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        editor3d.nothing  # noqa: B018


def test_top_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name, command in COMMANDS.items():
        assert name in shown
        assert command.summary in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_loads_and_documents_every_flag(name, capsys):
    command = load_target(COMMANDS[name].target)
    assert command.__doc__
    assert callable(command.run)
    assert main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    for flag in flags_of(command):
        name = flag.replace("_", "-")
        named = f"--{name}" in shown or f"--no-{name}" in shown  # the latter for what is on by default
        assert named, flag


def flags_of(options) -> list[str]:
    """The fields of a dataclass that are flags, those of the dataclasses in it among them."""
    parts = {field.name: field.default for field in fields(options) if "Positional" not in str(field.type)}
    return [flag for name, part in parts.items() for flag in (flags_of(part) if is_dataclass(part) else [name])]


@pytest.mark.parametrize("name", COMMANDS)
def test_unknown_flag_ends_with_2(name, capsys):
    assert main([name, "--no-such-flag", "1"]) == 2
    assert capsys.readouterr().out == ""


def test_unknown_flag_is_named(capsys):
    assert main(["list", "methods", "--no-such-flag"]) == 2
    assert "--no-such-flag" in capsys.readouterr().err


def test_unknown_command_is_one_sentence_with_the_nearest(capsys):
    assert main(["lits", "methods"]) == 2
    seen = capsys.readouterr()
    assert seen.err.startswith("error: There is no command lits: did you mean list?")
    assert seen.out == ""
    assert main(["zzzz"]) == 2
    assert "preview" in capsys.readouterr().err


def test_what_users_cannot_change_is_not_warned_of():
    """nerfstudio uses names of torch that are deprecated; other warnings still come."""
    code = (
        "from editor3d.cli import main\n"
        "main(['--version'])\n"
        "import nerfstudio.field_components.activations, warnings\n"
        "warnings.warn('another', FutureWarning)"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    assert "another" in done.stderr
    assert "torch.cuda.amp" not in done.stderr


@dataclass(frozen=True)
class Failing:
    """Fails."""

    how: str = "data"

    def run(self) -> int:
        if self.how == "interrupt":
            raise KeyboardInterrupt
        if self.how == "disk":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/some/file")
        if self.how == "code":
            return 7
        raise DataError("Expected a capture.")


@pytest.fixture
def failing(monkeypatch):
    monkeypatch.setitem(COMMANDS, "fail", Command("Fails", "unused:unused"))
    monkeypatch.setattr("editor3d.registry.load_target", lambda target: Failing)
    monkeypatch.delenv("EDITOR3D_DEBUG", raising=False)


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        ("data", 2, "error: Expected a capture.\n"),
        ("disk", 2, "error: No space left on device: /some/file (free some space, or choose another folder)\n"),
        ("interrupt", 130, "interrupted\n"),
        ("code", 7, ""),
    ],
)
def test_failures_are_one_line_without_traceback(how, code, said, capsys):
    assert main(["fail", "--how", how]) == code
    assert capsys.readouterr().err == said


@pytest.mark.usefixtures("failing")
def test_debug_shows_the_traceback(monkeypatch, capsys):
    monkeypatch.setenv("EDITOR3D_DEBUG", "1")
    assert main(["fail"]) == 2
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert shown.endswith("error: Expected a capture.\n")


@pytest.mark.usefixtures("failing")
def test_error_is_red_on_a_terminal_only(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    main(["fail"])
    assert "\033[1;31merror:" in capsys.readouterr().err
    monkeypatch.setenv("NO_COLOR", "1")
    main(["fail"])
    assert capsys.readouterr().err.startswith("error:")


@pytest.mark.parametrize("words", ["list methods", "--help"])
def test_a_reader_that_leaves_is_no_traceback(words):
    script = f"{sys.executable} -m editor3d.cli {words} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == ""


def test_methods_are_those_of_the_entry_points():
    pyproject = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))
    declared = pyproject["project"]["entry-points"]["nerfstudio.method_configs"]
    assert {name: entry.target for name, entry in METHODS.items()} == declared
