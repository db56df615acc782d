"""The boundary without Blender: what each layer refuses, what is reported, and that the guard does its work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

import editor3d
from editor3d.programs.blenders.interpreter import own_interpreter
from editor3d.programs.sandbox import boundary as sandbox
from editor3d.programs.sandbox import landlock as sandbox_landlock
from editor3d.programs.sandbox import namespaces as sandbox_namespaces
from editor3d.programs.sandbox import seccomp as sandbox_seccomp

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
_SCRIPT = """
import json, os, sys
from editor3d.programs.sandbox import boundary as sandbox
order = json.loads(sys.argv[1])
state = sandbox.enter(sandbox.Policy(**order["policy"]), order["lifeline"])
def told(value):
    os.write(order["told"], json.dumps(value).encode())
{body}
os._exit(0)
"""


class Confined:
    """A confined process that runs `body`, which has `state` and hands a value to `told`."""

    def __init__(self, folder: Path, body: str, **policy) -> None:
        folder.mkdir(exist_ok=True)
        self.heard, told = os.pipe()
        lifeline, self.lifeline = os.pipe()
        policy = {"read": list(own_interpreter().reads), "private": str(folder), **policy}
        order = json.dumps({"policy": policy, "lifeline": lifeline, "told": told})
        self.process = subprocess.Popen(
            [sys.executable, "-s", "-P", "-B", "-c", _SCRIPT.replace("{body}", body), order],
            pass_fds=(told, lifeline),
            env={"PYTHONPATH": str(Path(editor3d.__file__).parent.parent)},
            start_new_session=True,
        )
        os.close(told)
        os.close(lifeline)

    def answer(self):
        text = b""
        while part := os.read(self.heard, 1 << 16):
            text += part
        self.end()
        return json.loads(text)

    def end(self) -> int:
        if self.lifeline >= 0:
            os.close(self.heard)
            code = self.process.wait(10)
            os.close(self.lifeline)
            self.lifeline = -1
            return code
        return self.process.returncode


@linux
def test_every_layer_of_this_system_is_active_or_named(tmp_path):
    active, missing = Confined(tmp_path / "p", "told([state.active, state.missing])").answer()
    print("active:", active, "missing:", missing)
    assert set(active) | missing.keys() == set(sandbox.LAYERS)
    assert not set(active) & missing.keys()
    assert "no new privileges" in active
    assert "resource limits" in active


@linux
@pytest.mark.parametrize("layer", sandbox.LAYERS)
def test_a_layer_left_out_is_reported(layer, tmp_path):
    active, missing = Confined(tmp_path / "p", "told([state.active, state.missing])", without=[layer]).answer()
    assert layer not in active
    assert layer in missing


@linux
def test_the_tree_holds_what_was_listed_and_nothing_else(tmp_path):
    (tmp_path / "note.txt").write_text("outside")
    (tmp_path / "shown.txt").write_text("inside")
    body = f"""
told({{
    "others": [p for p in ("/etc/passwd", "/home", "/proc", "/sys", "/run", "/tmp", "/var") if os.path.exists(p)],
    "shown": open("/scene/shown.txt").read(),
    "hidden": os.path.exists({str(tmp_path / "note.txt")!r}),
    "private": state.private,
    "user": os.getuid(),
    "pid": os.getpid(),
    "writable": [p for p in ("/", "/dev", "/scene", "/usr/lib", state.private) if os.access(p, os.W_OK)],
}})
"""
    seen = Confined(tmp_path / "p", body, files={"/scene/shown.txt": str(tmp_path / "shown.txt")}).answer()
    if seen["private"] != sandbox_namespaces.PRIVATE:
        pytest.skip("this system lets no file tree of its own be made")
    assert seen["shown"] == "inside"
    assert not seen["hidden"]
    assert seen["user"] != 0
    assert seen["pid"] == 1
    assert seen["writable"] == [sandbox_namespaces.PRIVATE]
    above = {str(folder) for folder in Path(sys.prefix).parents}  # Python itself may lie there
    assert set(seen["others"]) <= above


@linux
def test_system_calls_that_are_not_listed_fail(tmp_path):
    body = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
found = {}
for number in range(0, 470):
    # the kernel's own uretprobe and uprobe calls are beyond filters, and kill whoever calls them
    if number in (*ALLOWED, *CHECKED, 335, 336):
        continue
    ctypes.set_errno(0)
    result = libc.syscall(number, -1, -1, -1, -1, -1, -1)
    if not (result == -1 and ctypes.get_errno() == errno.EPERM):
        found[number] = [result, ctypes.get_errno()]
told(found)
"""
    if not sandbox_seccomp.supported():
        pytest.skip("the filter is for Linux on x86-64")
    head = f"ALLOWED = {list(sandbox_seccomp.ALLOWED.values())}\nCHECKED = {list(sandbox_seccomp.CHECKED.values())}\n"
    assert Confined(tmp_path / "p", head + body).answer() == {}


@linux
def test_landlock_alone_keeps_files_out_of_reach(tmp_path):
    if not sandbox_landlock.version(sandbox_namespaces.library()):
        pytest.skip("this kernel has no Landlock")
    (tmp_path / "note.txt").write_text("outside")
    body = f"""
def refused(act, *a):
    try:
        act(*a)
    except PermissionError:
        return True
    return False
note = {str(tmp_path / "note.txt")!r}
told([
    refused(open, note), refused(open, note, "a"), refused(os.listdir, "/root"), refused(os.unlink, note),
    refused(os.mkdir, {str(tmp_path / "made")!r}), not refused(open, state.private + "/mine", "w"),
    not refused(open, os.__file__), refused(open, os.__file__, "a"),
])
"""
    left = [layer for layer in sandbox.LAYERS if layer not in ("landlock", "no new privileges")]
    assert Confined(tmp_path / "p", body, without=left).answer() == [True] * 8
    assert (tmp_path / "note.txt").read_text() == "outside"


@linux
def test_the_guard_ends_the_confined_process_when_its_lifeline_is_cut(tmp_path):
    confined = Confined(tmp_path / "p", "told(1)\nimport time\ntime.sleep(1000)")
    assert os.read(confined.heard, 10) == b"1"
    family = [psutil.Process(confined.process.pid), *psutil.Process(confined.process.pid).children()]
    assert len(family) == 2
    os.close(confined.lifeline)
    confined.process.wait(5)
    _, alive = psutil.wait_procs(family, timeout=3)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
    os.close(confined.heard)


@linux
def test_the_confined_process_dies_with_its_guard(tmp_path):
    confined = Confined(tmp_path / "p", "told(1)\nimport time\ntime.sleep(1000)")
    assert os.read(confined.heard, 10) == b"1"
    child = psutil.Process(confined.process.pid).children()[0]
    os.kill(confined.process.pid, signal.SIGKILL)
    confined.end()
    _, alive = psutil.wait_procs([child], timeout=3)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


@linux
@pytest.mark.parametrize(("body", "code"), [("os._exit(7)", 7), ("import ctypes\nctypes.string_at(0)", 128 + 11)])
def test_the_guard_ends_as_the_confined_process_ends(body, code, tmp_path):
    assert Confined(tmp_path / "p", body).end() == code


@linux
def test_a_user_with_many_threads_elsewhere_is_not_over_the_limit(tmp_path):
    """The limit counts what is inside; a desktop's user easily has a thousand threads outside."""
    release = threading.Event()
    threads = [threading.Thread(target=release.wait) for _ in range(300)]
    try:
        for thread in threads:
            thread.start()
        body = "import threading\nthreading.Thread(target=told, args=(1,)).start()\nimport time\ntime.sleep(0.2)"
        assert Confined(tmp_path / "p", body).answer() == 1
    finally:
        release.set()


@linux
def test_threads_inside_are_limited(tmp_path):
    body = """
import threading
release, count = threading.Event(), 0
try:
    while count < 2000:
        threading.Thread(target=release.wait, daemon=True).start()
        count += 1
except RuntimeError:
    pass
told(count)
"""
    assert Confined(tmp_path / "p", body, processes=64).answer() < 64
