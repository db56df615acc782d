"""The boundary around a process that runs untrusted programs.

`enter` turns the calling process into a confined one, layer by layer, and says which layers are active. It is called
before bpy is loaded, with one thread. Nothing here imports bpy.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from editor3d.programs.sandbox import landlock, namespaces, seccomp

LAYERS: Mapping[str, str] = {
    "user namespace": "a user of its own, with no rights outside",
    "mount namespace": "a file tree that holds Python, Blender, the scene and an empty folder in memory",
    "pid namespace": "no other process is seen or signalled",
    "network namespace": "no network, not even this machine's own",
    "ipc namespace": "no shared memory or queues of others",
    "unprivileged user": "not root, and no capabilities",
    "no new privileges": "no program can raise them",
    "landlock": "files outside those listed are neither read nor written",
    "seccomp": "system calls outside those listed fail",
    "resource limits": "memory, file sizes, open files, processes",
    "memory folder": "what a program writes goes to memory, up to a quota",
}
"""Every layer, and what it is for."""
NOBODY = 65534


@dataclass(frozen=True)
class Policy:
    """What a confined process may do."""

    read: tuple[str, ...]
    """Absolute paths of files and folders that it may read."""
    private: str
    """The folder that it may write, made by the caller; hidden behind one in memory where there are mounts."""
    files: dict[str, str] = field(default_factory=dict)
    """Further files to read: name inside, name outside."""
    memory: int = 6 << 30
    """Bytes of address space."""
    file_size: int = 64 << 20
    """Bytes of any one file."""
    quota: int = 128 << 20
    """Bytes of the folder in memory."""
    processes: int = 256
    """Processes and threads of its user."""
    whole_tree: bool = False
    """Keep the machine's file tree, of which Landlock then leaves what may be read; and keep the user."""
    without: tuple[str, ...] = ()
    """Layers to leave out, so that tests can try each one alone."""


@dataclass
class Confinement:
    """What became of it."""

    active: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    """Layers that could not be put on, and why."""
    private: str = ""
    """The folder that may be written, as the confined process names it."""

    def put(self, layer: str, act: Callable[[], object]) -> bool:
        """Put one layer on; False where the machine does not have it."""
        try:
            act()
        except (OSError, AttributeError) as error:
            self.missing[layer] = str(error)
            return False
        self.active.append(layer)
        return True


def enter(policy: Policy, lifeline: int) -> Confinement:
    """Confine this process; returns in a child of it, which is the confined one.

    The calling process stays as a guard that runs nothing: it ends, and ends the child, when the other end of the pipe
    `lifeline` is closed; and it ends as the child ends.
    """
    state = Confinement(private=policy.private)
    wanted = [layer for layer in LAYERS if layer not in policy.without]
    for layer in policy.without:
        state.missing[layer] = "left out"
    if "resource limits" in wanted:
        state.put("resource limits", lambda: _limit(_limits(policy)))
    root = _is_root()
    libc = namespaces.library() if sys.platform == "linux" else None
    if libc is not None:
        with suppress(OSError):
            # where memory runs out all the same, this is the process to end
            Path("/proc/self/oom_score_adj").write_text("1000")
        _namespaces(libc, policy, state, wanted, root)
    guard = os.getpid()
    child = os.fork()
    if child:
        _watch(child, lifeline)
    os.close(lifeline)
    if "resource limits" in wanted and "user namespace" in state.active:
        # set any earlier, or without that namespace, it would count all that this user runs on the machine
        _limit({"RLIMIT_NPROC": policy.processes})
    if libc is not None:
        _privileges(libc, policy, state, wanted, root)
        namespaces.die_with_parent(libc, signal.SIGKILL)
        if "pid namespace" not in state.active and os.getppid() != guard:
            os._exit(1)
        if "landlock" in wanted:
            where = {"read": [*policy.read, *policy.files, "/dev"], "write": [state.private, "/dev/null"]}
            if "mount namespace" not in state.active:
                where["read"] += policy.files.values()
            state.put("landlock", lambda: landlock.restrict(libc, **where))
        if "seccomp" in wanted and seccomp.supported():
            state.put("seccomp", lambda: seccomp.install(libc, pid=os.getpid()))
    for layer in wanted:
        if layer not in state.active:
            state.missing.setdefault(layer, f"not on this system ({sys.platform})")
    return state


def _limits(policy: Policy) -> dict[str, int]:
    return {
        "RLIMIT_AS": policy.memory,
        "RLIMIT_FSIZE": policy.file_size,
        "RLIMIT_NOFILE": 256,
        "RLIMIT_CORE": 0,
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_MSGQUEUE": 0,
    }


def _limit(limits: Mapping[str, int]) -> None:
    import resource

    for name, value in limits.items():
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def _namespaces(libc, policy: Policy, state: Confinement, wanted: list[str], root: bool) -> None:
    """Namespaces and the file tree; as root also the change to an unprivileged user."""
    process = os.open("/proc/self", os.O_PATH | os.O_CLOEXEC)
    own = {
        "mount namespace": namespaces.NEW_MOUNTS,
        "pid namespace": namespaces.NEW_PIDS,
        "network namespace": namespaces.NEW_NET,
        "ipc namespace": namespaces.NEW_IPC | namespaces.NEW_UTS,
    }
    uid, gid = os.getuid(), os.getgid()

    def new_user() -> None:
        namespaces.unshare(libc, namespaces.NEW_USER)
        namespaces.map_user(process, uid, gid)

    if not root and "user namespace" in wanted:
        state.put("user namespace", new_user)
    for layer, flag in own.items():
        if layer in wanted:
            state.put(layer, lambda flag=flag: namespaces.unshare(libc, flag))
    if "mount namespace" in state.active and not policy.whole_tree:
        _small_tree(libc, policy, state, wanted)
    # without a tree of its own, another user might not be able to read what this one installed
    if root and "memory folder" in state.active and "unprivileged user" in wanted:
        try:
            namespaces.become(libc, NOBODY, NOBODY)
            uid = gid = NOBODY
        except OSError as error:
            # root of a container without privileges has no other user to become
            state.missing["unprivileged user"] = str(error)
    if root and "user namespace" in wanted:
        state.put("user namespace", new_user)
    os.close(process)


def _small_tree(libc, policy: Policy, state: Confinement, wanted: list[str]) -> None:
    """Enter a tree that holds little, with the folder in memory; neither comes without the other."""
    state.active.remove("mount namespace")
    if "memory folder" not in wanted:
        state.missing["mount namespace"] = "its file tree has the folder in memory, which is left out"
        return
    build = Path(policy.private) / "root"
    build.mkdir(mode=0o755)

    def enter_tree() -> None:
        namespaces.small_root(libc, build, policy.read, at=policy.files, quota=policy.quota)

    if state.put("mount namespace", enter_tree):
        state.private = namespaces.PRIVATE
        state.active.append("memory folder")


def _is_root() -> bool:
    """Whether this user is root outside of all user namespaces; root of an unprivileged container is not."""
    if os.geteuid() != 0:
        return False
    try:
        inside, outside, _ = Path("/proc/self/uid_map").read_text().split(maxsplit=2)
    except (OSError, ValueError):
        return True
    return (inside, outside) == ("0", "0")


def _privileges(libc, policy: Policy, state: Confinement, wanted: list[str], root: bool) -> None:
    def lay_down() -> None:
        namespaces.drop_capabilities(libc)
        if root and os.geteuid() == 0 and not policy.whole_tree:
            raise OSError(state.missing.get("unprivileged user", "another user could not read what root installed"))

    if "unprivileged user" in wanted and state.put("unprivileged user", lay_down):
        state.missing.pop("unprivileged user", None)
    if "no new privileges" in wanted:
        state.put("no new privileges", lambda: namespaces.no_new_privileges(libc))


def _watch(child: int, lifeline: int) -> None:
    """Wait for the child; end it when the lifeline is cut. Does not return."""
    os.closerange(3, lifeline)
    os.closerange(lifeline + 1, 256)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)
        ready, _, _ = select.select([lifeline, reader], [], [], 1.0)
        if lifeline in ready:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os._exit(1)
        if reader in ready:
            os.read(reader, 64)
