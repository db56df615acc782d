"""Training is begun by `python -m lab.…`, with the flags, sentences and exit codes of a subcommand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from editor3d.cli import COMMANDS, USER_ERROR, run_program
from editor3d.errors import ConfigError
from lab.train_clip import TrainClip
from lab.train_editor import TrainEditor

ROOT = Path(__file__).parents[2]
PROGRAMS = {"lab.train_editor": TrainEditor, "lab.train_clip": TrainClip}
HEAVY = ("torch", "nerfstudio", "diffusers", "cv2", "transformers")


def test_they_are_no_subcommands():
    assert not [name for name in COMMANDS if "train" in name]


@pytest.mark.parametrize("module", PROGRAMS)
def test_every_flag_is_documented_and_nothing_heavy_imported(module):
    code = (
        "import json, runpy, sys\n"
        "sys.argv[1:] = ['--help']\n"
        f"try:\n    runpy.run_module({module!r}, run_name='__main__', alter_sys=True)\n"
        "except SystemExit as leaving:\n"
        f"    heavy = [m for m in {HEAVY!r} if m in sys.modules]\n"
        "    print(json.dumps([leaving.code, heavy]), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert json.loads(done.stderr.splitlines()[-1]) == [0, []], done.stderr
    assert f"python -m {module}" in done.stdout
    for field in PROGRAMS[module].__dataclass_fields__:
        assert f"--{field.replace('_', '-')}" in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--no-such-flag", "1"], "--no-such-flag"),
        (["--steps", "many"], "--steps"),
        (["--output", ""], "error: Expected a value after --output, got an empty one"),
        (["--output", "a\0b"], "error: Expected words without NUL characters"),
    ],
)
@pytest.mark.parametrize("module", PROGRAMS)
def test_wrong_words_end_with_2(module, words, told, capsys):
    assert run_program(PROGRAMS[module], f"python -m {module}", words) == USER_ERROR
    seen = capsys.readouterr()
    assert told in seen.err
    assert seen.out == ""


def test_nothing_to_export_is_one_sentence_of_the_program_itself(tmp_path):
    words = ["-m", "lab.train_editor", "--output", str(tmp_path / "empty"), "--export-only"]
    environment = {**os.environ, "EDITOR3D_DEBUG": ""}
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=120, cwd=ROOT, env=environment
    )
    assert done.returncode == USER_ERROR
    assert [line for line in done.stderr.splitlines() if line.startswith("error: ")] == [
        f"error: {tmp_path / 'empty'} holds no checkpoint of the editor yet; train first, without --export-only."
    ]
    assert "Traceback" not in done.stderr


def test_errors_and_interruptions_of_the_training_have_their_exit_codes(capsys, monkeypatch):
    def fail(*_):
        raise ConfigError("Expected steps of at least 1, got 0: give more.")

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.delenv("EDITOR3D_DEBUG", raising=False)
    monkeypatch.setattr(TrainClip, "run", fail)
    assert run_program(TrainClip, "clip", []) == 2
    assert capsys.readouterr().err == "error: Expected steps of at least 1, got 0: give more.\n"
    monkeypatch.setattr(TrainClip, "run", interrupt)
    assert run_program(TrainClip, "clip", []) == 130
