"""The errors a user can cause: one sentence that says what was expected, what came and what to do.

Commands print the sentence and end with exit code 2; Python callers catch `Editor3DError`.
"""

from __future__ import annotations

import errno
import reprlib

USER_ERROR, INTERRUPTED = 2, 130
"""Exit codes of commands: a user's mistake, and a stop by a signal."""

_REMEDIES = {
    errno.ENOSPC: "free some space, or choose another folder",
    errno.EDQUOT: "free some space, or choose another folder",
    errno.EFBIG: "free some space, or choose another folder",
    errno.EROFS: "choose another folder",
    errno.EACCES: "choose another folder, or change its permissions",
    errno.EPERM: "choose another folder, or change its permissions",
}

_NO_TEMPORARY = "No usable temporary directory found"
"""How Python's tempfile begins; torch cannot be imported then."""


class Editor3DError(Exception):
    """Something the user can put right; its text is the whole message."""


class DataError(Editor3DError):
    """A scene on disk is missing, broken or contradicts itself."""


class InstructionError(Editor3DError):
    """An instruction is empty or not understood by the chosen editor."""


class ForbiddenError(InstructionError):
    """An instruction that the policy of this machine forbids."""


class EditorUnavailableError(Editor3DError):
    """An editor's weights, package or pictures are missing."""


class CheckpointError(Editor3DError):
    """A run or base cannot be loaded: missing, damaged, or of another kind."""


class ConfigError(Editor3DError):
    """A flag, preset or configuration value is unknown or out of range."""


class DeviceError(Editor3DError):
    """What the device needs, such as compiled kernels, is missing."""


class RegionError(Editor3DError):
    """A 3D region is not understood, or its numbers make none."""


class ServiceError(Editor3DError):
    """A service over the network refused, did not answer well, or would cost more than allowed."""


class Editor3DWarning(UserWarning):
    """Something the user should know that stops nothing: one sentence, given to `warnings.warn`.

    While a command writes events, each is an event as well.
    """


_LONGEST_REASON = 300  # characters

_shortened = reprlib.Repr()
_shortened.maxstring = _shortened.maxother = 120


def shown(value: object) -> str:
    """A value as a message says it: quoted, in one line, and no longer than a sentence can hold."""
    return _shortened.repr(value)


def first_line(error: BaseException) -> str:
    """What an error of a library says first, shortened; its class where it says nothing."""
    line = next(iter(str(error).splitlines()), type(error).__name__)
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}..."


def sentence(error: Editor3DError | OSError) -> str:
    """The message for a user: an error of ours unchanged, one of the system with its file and what to do."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    if error.strerror.startswith(_NO_TEMPORARY):
        places = error.strerror.removeprefix(_NO_TEMPORARY)
        return f"Expected a folder for temporary files, found none that can be written{places}: set TMPDIR to one."
    message = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return f"{message} ({_REMEDIES[error.errno]})" if error.errno in _REMEDIES else message
