"""Namespaces, a file tree of its own, and privileges given up (Linux, through the C library)."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

NEW_USER, NEW_MOUNTS, NEW_PIDS, NEW_NET, NEW_IPC, NEW_UTS = (
    0x10000000,
    0x00020000,
    0x20000000,
    0x40000000,
    0x08000000,
    0x04000000,
)
_READ_ONLY, _NO_SUID, _NO_DEVICES, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
_PIVOT_ROOT, _MOUNT_SETATTR, _CAPSET = 155, 442, 126
_AT_RECURSIVE, _AT_FDCWD, _DETACH = 0x8000, -100, 2
_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR = 4, 24, 47, 4
_PR_SET_NO_NEW_PRIVS, _PR_SET_PDEATHSIG = 38, 1
PRIVATE = "/private"
"""The folder in memory of `small_root`."""
_DEVICES = ("null", "zero", "random", "urandom")


def library() -> ctypes.CDLL:
    """The C library, its error numbers kept for `ctypes.get_errno`."""
    return ctypes.CDLL(None, use_errno=True)


def unshare(libc: ctypes.CDLL, flags: int) -> None:
    """Leave the namespaces that `flags` name for new ones. Raises OSError where the kernel refuses."""
    _check(libc.unshare(flags), "unshare")


def map_user(process: int, uid: int, gid: int) -> None:
    """In a new user namespace, be the same user as outside and nobody else.

    `process` is a descriptor of /proc/self, opened before that folder went out of sight.
    """
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        handle = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=process)
        try:
            os.write(handle, text.encode())
        finally:
            os.close(handle)


def become(libc: ctypes.CDLL, uid: int, gid: int) -> None:
    """Give root up for an unprivileged user and group, for good."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    # a change of user takes /proc/self away from the process, which it needs once more for the map of its users
    _check(libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0), "prctl")


def small_root(libc: ctypes.CDLL, folder: Path, read: Iterable[str], *, at: dict[str, str], quota: int) -> None:
    """Make a tree that holds only `read`, read-only, and an empty folder `PRIVATE` in memory; and enter it.

    Args:
        folder: an empty folder to build upon, outside all that is shown or hidden.
        read: absolute paths that keep their names.
        at: further files: name inside, name outside.
        quota: bytes that `PRIVATE` may hold.
    """
    os.umask(0o022)  # whoever this process becomes must be able to pass through the tree's folders
    _mount(libc, None, "/", None, _RECURSIVE | _PRIVATE)
    _mount(libc, "tmpfs", str(folder), "tmpfs", _NO_SUID | _NO_DEVICES, "size=4m,mode=755")
    done: list[str] = []
    for path in sorted({real for name in read for real in (name, os.path.realpath(name))}):
        if not os.path.lexists(path) or any(path == other or path.startswith(f"{other}/") for other in done):
            continue
        inside = folder / path.lstrip("/")
        inside.parent.mkdir(parents=True, exist_ok=True)
        if os.path.islink(path):
            inside.symlink_to(os.readlink(path))
        else:
            _bind(libc, path, inside)
        done.append(path)
    for name, path in sorted(at.items()):
        if name == path and any(path == other or path.startswith(f"{other}/") for other in done):
            continue  # it is there already, where nothing can be put any more
        _bind(libc, path, folder / name.lstrip("/"))
        done.append(name)
    for name in _DEVICES:
        inside = folder / "dev" / name
        inside.parent.mkdir(exist_ok=True)
        inside.touch()
        _mount(libc, f"/dev/{name}", str(inside), None, _BIND)
    private = folder / PRIVATE.lstrip("/")
    private.mkdir()
    _mount(libc, "tmpfs", str(private), "tmpfs", _NO_SUID | _NO_DEVICES, f"size={quota},mode=1777,nr_inodes=4096")
    os.chdir(folder)
    _check(libc.syscall(_PIVOT_ROOT, b".", b"."), "pivot_root")
    _check(libc.umount2(b".", _DETACH), "umount")
    _mount(libc, None, "/", None, _REMOUNT | _BIND | _READ_ONLY | _NO_SUID | _NO_DEVICES)
    os.chdir(PRIVATE)


def drop_capabilities(libc: ctypes.CDLL) -> None:
    """No capability is left, and none can come back."""
    last = 0
    while libc.prctl(_PR_CAPBSET_DROP, last, 0, 0, 0) == 0:
        last += 1
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    _check(libc.syscall(_CAPSET, header, (ctypes.c_uint32 * 6)()), "capset")


def no_new_privileges(libc: ctypes.CDLL) -> None:
    """Nothing that this process starts can be more than it is; not readable by others of its user either."""
    _check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    _check(libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl")


def die_with_parent(libc: ctypes.CDLL, signal: int) -> None:
    """Be sent `signal` when the thread that made this process ends."""
    _check(libc.prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0), "pdeathsig")


def _bind(libc: ctypes.CDLL, source: str, target: Path) -> None:
    if os.path.isdir(source):
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    _mount(libc, source, str(target), None, _BIND | _RECURSIVE)
    attributes = (ctypes.c_uint64 * 4)(_READ_ONLY | _NO_SUID | _NO_DEVICES, 0, 0, 0)
    path = os.fsencode(target)
    if libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, path, _AT_RECURSIVE, attributes, ctypes.sizeof(attributes)):
        # before Linux 5.12: the mount itself, without those below it
        _mount(libc, None, str(target), None, _REMOUNT | _BIND | _READ_ONLY | _NO_SUID | _NO_DEVICES)


def _mount(libc: ctypes.CDLL, source, target: str, kind, flags: int, options: str | None = None) -> None:
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    _check(libc.mount(*encoded[:3], ctypes.c_ulong(flags), encoded[3]), f"mount {target}")


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
