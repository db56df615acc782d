"""A seccomp filter: the system calls that a render worker may make, and no others (Linux, x86-64).

The filter is classic BPF over `struct seccomp_data` (number, architecture, instruction pointer, six 64-bit arguments).
It is an allow-list: what is not named here fails with EPERM, so no socket, no new process, no program start, no mount,
no tracing, no key ring, no io_uring, and nothing that a later kernel adds.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Collection, Mapping

_ARCH_X86_64 = 0xC000003E
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_X32_BIT = 0x40000000
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2

# fmt: off
ALLOWED: Mapping[str, int] = {
    # files that are already open, and opening those that the mounts and Landlock leave
    "read": 0, "write": 1, "open": 2, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "poll": 7, "lseek": 8,
    "pread64": 17, "pwrite64": 18, "readv": 19, "writev": 20, "access": 21, "pipe": 22, "select": 23, "dup": 32,
    "dup2": 33, "fsync": 74, "fdatasync": 75, "ftruncate": 77, "getdents": 78, "getcwd": 79, "chdir": 80, "rename": 82,
    "mkdir": 83, "rmdir": 84, "unlink": 87, "readlink": 89, "umask": 95, "statfs": 137, "fstatfs": 138,
    "getdents64": 217, "fadvise64": 221, "openat": 257, "mkdirat": 258, "newfstatat": 262, "unlinkat": 263,
    "renameat": 264, "readlinkat": 267, "faccessat": 269, "pselect6": 270, "ppoll": 271, "fallocate": 285, "dup3": 292,
    "pipe2": 293, "renameat2": 316, "statx": 332, "close_range": 436, "faccessat2": 439,
    # memory
    "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "mremap": 25, "msync": 26, "mincore": 27, "madvise": 28,
    "get_mempolicy": 239, "membarrier": 324,
    # signals to itself, threads and their clocks
    "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "sched_yield": 24, "nanosleep": 35, "getpid": 39,
    "exit": 60, "uname": 63, "gettimeofday": 96, "getrlimit": 97, "getrusage": 98, "sysinfo": 99, "times": 100,
    "getuid": 102, "getgid": 104, "geteuid": 107, "getegid": 108, "getppid": 110, "rt_sigtimedwait": 128,
    "sigaltstack": 131, "sched_getparam": 143, "sched_getscheduler": 145, "sched_get_priority_max": 146,
    "sched_get_priority_min": 147, "arch_prctl": 158, "gettid": 186, "time": 201, "futex": 202,
    "sched_setaffinity": 203, "sched_getaffinity": 204, "set_tid_address": 218, "restart_syscall": 219,
    "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231, "set_robust_list": 273,
    "getcpu": 309, "getrandom": 318, "rseq": 334,
}
CHECKED: Mapping[str, int] = {"ioctl": 16, "clone": 56, "fcntl": 72, "prctl": 157, "tgkill": 234, "prlimit64": 302,
                              "clone3": 435}
# fmt: on
_TERMINAL_QUESTIONS = (0x5401, 0x5413, 0x541B, 0x5450, 0x5451)
"""TCGETS, TIOCGWINSZ, FIONREAD, FIONCLEX, FIOCLEX."""
_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1033, 1034)
"""Duplicates, flags, locks, seals; not the ones that direct signals or resize pipes."""
_PRCTL = (15, 16, 0x53564D41)
"""A thread's name, and names of memory regions."""
_CLONE_THREAD = 0x00010000


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def supported() -> bool:
    """Whether this machine's architecture is the one that the numbers above belong to."""
    return platform.system() == "Linux" and platform.machine() == "x86_64" and struct.calcsize("P") == 8


def install(libc: ctypes.CDLL, *, pid: int, also: Collection[int] = ()) -> None:
    """Put the filter on this thread and all it starts. `no_new_privs` must be set, and there is no way back.

    Args:
        pid: the only process that may be signalled: the caller itself.
        also: numbers of further calls to allow.

    Raises:
        OSError: the kernel refuses the filter.
    """
    code = _assemble(pid, also)
    program = _Program(len(code) // 8, code)
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _argument(index: int, *, high: bool = False) -> int:
    """Offset of a 32-bit half of a system call's argument."""
    return 16 + 8 * index + 4 * high


def _assemble(pid: int, also: Collection[int]) -> bytes:
    fail = _instruction(_RETURN, _ERRNO | errno.EPERM)
    allow = _instruction(_RETURN, _ALLOW)
    code = [
        _instruction(_LOAD, 4),
        _instruction(_JUMP_EQUAL, _ARCH_X86_64, 1, 0),
        _instruction(_RETURN, _KILL_PROCESS),
        _instruction(_LOAD, 0),
        _instruction(_JUMP_AT_LEAST, _X32_BIT, 0, 1),
        _instruction(_RETURN, _KILL_PROCESS),
    ]
    for number in (*ALLOWED.values(), *also):
        code += [_instruction(_JUMP_EQUAL, number, 0, 1), allow]
    blocks = {
        "ioctl": _one_of(1, _TERMINAL_QUESTIONS),
        "fcntl": _one_of(1, _FCNTL),
        "prctl": _one_of(0, _PRCTL),
        "tgkill": _one_of(0, (pid,)),
        # limits may be read, that is the new limit's pointer is null, and not set
        "prlimit64": [
            _instruction(_LOAD, _argument(2)),
            _instruction(_JUMP_EQUAL, 0, 0, 3),
            _instruction(_LOAD, _argument(2, high=True)),
            _instruction(_JUMP_EQUAL, 0, 0, 1),
            allow,
            fail,
        ],
        "clone": [_instruction(_LOAD, _argument(0)), _instruction(_JUMP_ANY_BIT, _CLONE_THREAD, 0, 1), allow, fail],
        # its flags lie in memory, out of a filter's sight; libraries fall back to clone
        "clone3": [_instruction(_RETURN, _ERRNO | errno.ENOSYS)],
    }
    for name, block in blocks.items():
        code += [_instruction(_JUMP_EQUAL, CHECKED[name], 0, len(block)), *block]
    return b"".join([*code, fail])


def _one_of(argument: int, values: Collection[int]) -> list[bytes]:
    block = [_instruction(_LOAD, _argument(argument))]
    for value in values:
        block += [_instruction(_JUMP_EQUAL, value, 0, 1), _instruction(_RETURN, _ALLOW)]
    return [*block, _instruction(_RETURN, _ERRNO | errno.EPERM)]
