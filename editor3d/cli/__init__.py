"""The `editor3d` command. Each subcommand is one module, imported when it is called.

A subcommand is a frozen dataclass, whose fields tyro turns into flags, with a method `run() -> int` that returns the
exit code. To add one, write its module and add a line to `COMMANDS`.

What only some commands need is imported by those: help comes at once.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from editor3d.errors import (
    INTERRUPTED,
    USER_ERROR,
    ConfigError,
    Editor3DError,
    ForbiddenError,
    InstructionError,
    ServiceError,
    first_line,
    sentence,
)
from editor3d.host.surroundings import EVENTS_VARIABLE, settle
from editor3d.host.versions import package_version
from editor3d.run.opening import begin_command

OUTPUT_CLOSED = 1
EVENTS_FLAG = "--events"
DEBUG_VARIABLE = "EDITOR3D_DEBUG"
_EVENTS_HELP = f"Add {EVENTS_FLAG} FILE to write progress and results as JSON lines; - is the standard output."
_MAY_BE_EMPTY = ("--instruction", "--prompt")
"""Flags that may be given empty: some editors need no sentence, and the others ask for one themselves."""


class Command(NamedTuple):
    """A subcommand, and where it is."""

    summary: str
    target: str
    """`module:dataclass`."""


COMMANDS: dict[str, Command] = {
    "edit": Command("Change a scene as one sentence says", "editor3d.cli.commands.edit:Edit"),
    "plan": Command("Say what an edit will take, before any picture is edited", "editor3d.cli.commands.edit:Plan"),
    "instruct": Command(
        "Have a chat model turn free words into edits, to be approved", "editor3d.cli.commands.edit:Instruct"
    ),
    "reconstruct": Command("Reconstruct a capture, and keep that for edits", "editor3d.cli.commands.edit:Reconstruct"),
    "resume": Command("Continue an interrupted run", "editor3d.cli.commands.resume:Resume"),
    "eval": Command("Judge a finished edit by held-out views", "editor3d.cli.commands.evaluate:Evaluate"),
    "bench": Command(
        "Make and judge the edits of a suite, for a table of scores", "editor3d.cli.commands.measure.bench:Bench"
    ),
    "rate": Command("Have people rate edits blind, and count what they say", "editor3d.cli.commands.measure.rate:Rate"),
    "preview": Command(
        "Preview the 2D edit of a few views, before any 3D work", "editor3d.cli.commands.preview:Preview"
    ),
    "verify": Command("Say whether an edit made a file, and which", "editor3d.cli.commands.checks.verify:Verify"),
    "log": Command("Show what was asked for, refused and made", "editor3d.cli.commands.checks.log:Log"),
    "render": Command("Render a run's scene: a turntable video, or its views", "editor3d.cli.commands.render:Render"),
    "export": Command("Write a scene as a mesh, points, splats or pictures", "editor3d.cli.commands.export:Export"),
    "splats": Command(
        "Delete, copy or recolour a part of a scene of splats", "editor3d.cli.commands.splats:SplatsCommand"
    ),
    "objects": Command("Name things in a capture, by a few strokes", "editor3d.cli.commands.parts.objects:Objects"),
    "move": Command("Move, turn, scale or copy a part of a scene of splats", "editor3d.cli.commands.scene.move:Move"),
    "grade": Command("Grade the colours of a scene of splats", "editor3d.cli.commands.scene.grade:GradeCommand"),
    "clean": Command(
        "Take away floaters and fog, thin out, set upright a scene of splats", "editor3d.cli.commands.scene.clean:Clean"
    ),
    "strength": Command("Write an edit's scene at a strength", "editor3d.cli.commands.scene.stack:Strength"),
    "history": Command(
        "List the edits under a run, leave some out or reorder them", "editor3d.cli.commands.scene.stack:History"
    ),
    "mesh": Command("Restyle a mesh as one sentence says", "editor3d.cli.commands.mesh:Mesh"),
    "serve": Command("Serve edits to programs on this machine, such as Blender", "editor3d.cli.commands.serve:Serve"),
    "mcp": Command("Serve edits to an assistant that speaks MCP", "editor3d.cli.commands.serve:Mcp"),
    "studio": Command("Edit a scene on a page in the browser", "editor3d.cli.commands.serve:StudioCommand"),
    "refine": Command("Search for a better Blender program", "editor3d.cli.commands.refine:Refine"),
    "blender": Command(
        "Install the Blender that made a scene, for refine", "editor3d.cli.commands.refine:BlenderCommand"
    ),
    "list": Command("List the methods, the 2D editors or the presets", "editor3d.cli.commands.listing:List"),
    "editors": Command(
        "List the 2D editors, say all of one, or inspect a workflow", "editor3d.cli.commands.listing:Editors"
    ),
    "doctor": Command("Check versions, device, libraries and weights", "editor3d.cli.commands.checks.doctor:Doctor"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Args:
        argv: the words after `editor3d`; those of the process by default.

    Returns:
        0 done, 2 the user's mistake (one sentence on stderr), 130 interrupted, or what the subcommand says.
    """
    return _answered(_dispatch, argv)


def run_program(command: type, prog: str, argv: Sequence[str] | None = None) -> int:
    """Run a command that is a program of its own, with the flags, sentences and exit codes of a subcommand.

    Args:
        command: the dataclass, as of a subcommand.
        prog: how it is called, for its help: "python -m package.module".
        argv: the words after that; those of the process by default.

    Returns:
        As `main`.
    """
    return _answered(lambda words: _run(command, prog, words), argv)


def _answered(act: Callable[[list[str]], int], argv: Sequence[str] | None) -> int:
    """The exit code of a command, whose errors are one sentence on stderr."""
    settle()
    # what nerfstudio calls has other names in newer versions of torch: nothing that the user could change
    warnings.filterwarnings("ignore", r"`torch\.cuda\.amp\.", FutureWarning)
    begin_command()
    try:
        target, words = _events_target(sys.argv[1:] if argv is None else list(argv))
        if not target:
            return _outcome(act, words)
        from editor3d.run.events import writing

        with writing(target):
            return _announced(act, words)
    except ConfigError as error:
        _complain(sentence(error))
        return USER_ERROR


def _events_target(words: list[str]) -> tuple[str, list[str]]:
    """Where events go, empty for nowhere, and the words without the flag that says so.

    Raises:
        ConfigError: the flag has no value.
    """
    target, others = os.environ.get(EVENTS_VARIABLE, ""), []
    left = iter(words)
    for word in left:
        flag, equals, value = word.partition("=")
        if flag != EVENTS_FLAG:
            others.append(word)
            continue
        target = value if equals else next(left, "")
        if not target.strip() or "\0" in target:
            raise ConfigError(
                f"Expected a file, or - for the standard output, after {EVENTS_FLAG}, got none: name one."
            )
    return target, others


def _announced(act: Callable[[list[str]], int], words: list[str]) -> int:
    """The exit code of a command, between the events that it begins and that it ends."""
    from editor3d.run.events import Error, Started, emit, emit_finished

    code = 1
    emit(Started(command=words[0] if words else "", version=package_version()))
    try:
        code = _outcome(act, words)
    except BaseException as error:
        emit(Error(sentence=f"{type(error).__name__}: {first_line(error)}"))
        raise
    finally:
        emit_finished(code)
    return code


def _outcome(act: Callable[[list[str]], int], words: list[str]) -> int:
    debug = os.environ.get(DEBUG_VARIABLE, "") not in ("", "0")
    try:
        code = act(words)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader of our output has left, as in `editor3d list methods | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OUTPUT_CLOSED
    except (Editor3DError, OSError) as error:
        if debug:
            _print_traceback()
        _complain(sentence(error))
        _note_refusal(error)
        return USER_ERROR
    except KeyboardInterrupt:
        if debug:
            _print_traceback()
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except SystemExit as leaving:  # tyro leaves this way, after a wrong flag and after help
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        if code:
            _emit_error("Expected the words that the command takes, got others: see what its --help says.")
        return code


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(_help())
        return 0
    if words[0] == "--version":
        print(f"editor3d {package_version() or '(not installed)'}")
        return 0
    name, rest = words[0], words[1:]
    if name not in COMMANDS:
        import difflib

        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the commands are {', '.join(COMMANDS)}."
        raise ConfigError(f"There is no command {name}: {hint}")
    from editor3d.registry import load_target

    return _run(load_target(COMMANDS[name].target), f"editor3d {name}", rest)


def _run(command: type, prog: str, words: list[str]) -> int:
    _require_values(words)

    import inspect

    import tyro

    description = f"{inspect.cleandoc(command.__doc__ or '')}\n\n{_EVENTS_HELP}"
    return tyro.cli(
        command, prog=prog, description=description, args=words, config=(tyro.conf.FlagCreatePairsOff,)
    ).run()


def _require_values(words: list[str]) -> None:
    """Refuse words without a content, or with a NUL: an empty path is the current folder, an empty list all there is.

    Raises:
        ConfigError: there is one.
    """
    before = ""
    for word in words:
        if "\0" in word:
            raise ConfigError(f"Expected words without NUL characters, got {word!r:.80}: leave them out.")
        flag, equals, value = word.partition("=")
        if not word.startswith("--"):
            flag, equals, value = before, "=", word
        if equals and not value.strip() and flag not in _MAY_BE_EMPTY:
            where = f"after {flag}" if flag.startswith("--") else "among the words"
            raise ConfigError(f"Expected a value {where}, got an empty one: say one, or leave it out.")
        before = word


def _help() -> str:
    width = max(map(len, COMMANDS)) + 2
    lines = [
        "usage: editor3d COMMAND [OPTIONS]",
        "",
        "Edit captured 3D scenes with one written instruction.",
        "",
        "commands:",
        *(f"  {name:<{width}}{command.summary}" for name, command in COMMANDS.items()),
        "",
        "  editor3d COMMAND --help   what a command takes",
        "  editor3d --version        the version",
        "",
        f"{EVENTS_FLAG} FILE, with any command, writes progress and results as JSON lines; - is the standard output.",
        f"{DEBUG_VARIABLE}=1 in the environment shows where an error arose.",
    ]
    return "\n".join(lines)


def _print_traceback() -> None:
    import traceback

    traceback.print_exc()


def _complain(message: str) -> None:
    in_color = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    label = "\033[1;31merror:\033[0m" if in_color else "error:"
    print(f"{label} {message}", file=sys.stderr)
    _emit_error(message)


def _note_refusal(error: Exception) -> None:
    """Put what an editor or a service refused into the log; what the policy forbids is there already."""
    if isinstance(error, InstructionError | ServiceError) and not isinstance(error, ForbiddenError):
        from editor3d.audit.log import note

        with suppress(Editor3DError):  # it was told why nothing was edited: that is what counts
            note("refusal", because=sentence(error))


def _emit_error(message: str) -> None:
    from editor3d.run.events import Error, emit

    emit(Error(sentence=message))
