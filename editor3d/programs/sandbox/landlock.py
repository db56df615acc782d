"""Landlock: which files a process may read and write, enforced by the kernel (Linux 5.13 and on)."""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _RULE_PATH_BENEATH = 1, 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_CHAR, _MAKE_DIR, _MAKE_REG = 1 << 4, 1 << 5, 1 << 6, 1 << 7, 1 << 8
_MAKE_SOCK, _MAKE_FIFO, _MAKE_BLOCK, _MAKE_SYM = 1 << 9, 1 << 10, 1 << 11, 1 << 12
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_ALL_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_READ = _READ_FILE | _READ_DIR
_WRITE = _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _TRUNCATE
_ONLY_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_TCP = 0b11
"""Binding and connecting TCP sockets, from version 4 on."""
_SCOPED = 0b11
"""Abstract UNIX sockets and signals stay within, from version 6 on."""


def version(libc: ctypes.CDLL) -> int:
    """The kernel's version of the interface; 0 where it has none or it is switched off."""
    return max(0, libc.syscall(_CREATE_RULESET, None, 0, _VERSION))


def restrict(libc: ctypes.CDLL, *, read: Iterable[Path | str], write: Iterable[Path | str]) -> None:
    """From here on this thread, and all it starts, reads only below `read` and `write`, and writes only below `write`.

    Starting programs is refused everywhere, and so is every TCP connection where the kernel can refuse it. Paths that
    are missing are left out. `no_new_privs` must be set.

    Raises:
        OSError: the kernel has no Landlock, or refuses the rules.
    """
    abi = version(libc)
    handled = _ALL_BY_ABI[min(abi, 5)] if abi else 0
    attributes = struct.pack("=QQQ", handled, _TCP if abi >= 4 else 0, _SCOPED if abi >= 6 else 0)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset = _call(libc, _CREATE_RULESET, ctypes.c_char_p(attributes), size, 0)
    try:
        for path in read:
            _allow(libc, ruleset, path, _READ & handled)
        for path in write:
            _allow(libc, ruleset, path, (_READ | _WRITE) & handled)
        _call(libc, _RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path | str, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return
    try:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            rights &= _ONLY_FILES
        rule = struct.pack("=Qi", rights, handle)
        _call(libc, _ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.c_char_p(rule), 0)
    finally:
        os.close(handle)


def _call(libc: ctypes.CDLL, number: int, *arguments) -> int:
    result = libc.syscall(number, *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock: {os.strerror(code)}")
    return result
