"""What a hostile program cannot do, with the gate and, the gate taken away, by the boundary alone."""

from __future__ import annotations

import json
import os
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from editor3d.programs.blenders.interpreter import own_interpreter
from editor3d.programs.core.contracts import RenderSettings
from editor3d.programs.rendering.pool import Workers
from editor3d.programs.sandbox import boundary as sandbox

SETTINGS = RenderSettings(width=32, height=32, samples=1, deadline=20.0)
SECRET = "canary-7f3a91"

# Each probe returns something true where it got through. All run in one program, which raises what got through.
PROBES = {
    "read a file": "SECRET in open(CANARY).read()",
    "read by a descriptor": "SECRET.encode() in os.read(os.open(CANARY, os.O_RDONLY), 99)",
    "read as a text block": "SECRET in bpy.data.texts.load(CANARY).as_string()",
    "read as a picture": "bpy.data.images.load(PICTURE).size[0]",
    "read a .blend": "loaded(BLEND)",
    "read the scene's own folder": "os.listdir(os.path.dirname(BLEND))",
    "read the home folder": "set(os.listdir(HOME)) - PYTHON",
    "read the passwords": "open('/etc/passwd').read()",
    "read another process": "open('/proc/1/environ', 'rb').read() or open(f'/proc/{PARENT}/environ', 'rb').read()",
    "see the environment": "'EDITOR3D_CANARY' in os.environ or SECRET in str(dict(os.environ))",
    "see the parent": "os.kill(PARENT, 0) is None",
    "signal the parent": "os.getppid() > 0 and os.kill(os.getppid(), 0) is None",
    "write a file": "open(OUT + '/written', 'w').write('x')",
    "change the canary": "open(CANARY, 'a').write('x')",
    "change its mode": "os.chmod(CANARY, 0o777) is None",
    "delete the canary": "os.unlink(CANARY) is None",
    "write into Python": "open(os.__file__, 'a')",
    "write into Blender": "open(bpy.__file__ + '.x', 'w')",
    "write a render": "rendered(OUT + '/render.png')",
    "save the scene": "bpy.ops.wm.save_as_mainfile(filepath=OUT + '/s.blend', copy=True) == {'FINISHED'}",
    "write a library": "bpy.data.libraries.write(OUT + '/l.blend', set(bpy.data.objects)) is None",
    "write the scene's copy": "open(bpy.data.filepath, 'ab')",
    "link out of the folder": "os.symlink(CANARY, PRIVATE + '/l') is None and SECRET in open(PRIVATE + '/l').read()",
    "hard link": "os.link(CANARY, PRIVATE + '/hard') is None",
    "leave by a folder above": "SECRET in open(PRIVATE + '/../..' + CANARY).read()",
    "a TCP connection": "socket.create_connection(('127.0.0.1', PORT), 1)",
    "a TCP server": "socket.create_server(('127.0.0.1', 0))",
    "a UDP message": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', PORT))",
    "a UNIX socket": "socket.socket(socket.AF_UNIX)",
    "a socket pair": "socket.socketpair()",
    "open a URL": "__import__('urllib.request').request.urlopen(f'http://127.0.0.1:{PORT}/', timeout=1)",
    "start a shell": "os.system('true') == 0",
    "start a program": "subprocess.run(['/bin/true'])",
    "start Python": "subprocess.run([sys.executable, '-c', '1'])",
    "fork": "forked()",
    "become another program": "os.execv(sys.executable, [sys.executable, '-c', '1'])",
    "become root": "os.setuid(0) is None",
    "another name space": "libc.unshare(0x40000000) == 0",
    "mount": "libc.mount(b'none', PRIVATE.encode(), b'tmpfs', 0, None) == 0",
    "change root": "libc.chroot(PRIVATE.encode()) == 0",
    "trace": "libc.ptrace(16, PARENT, 0, 0) == 0",
    "keys": "libc.syscall(250, 0, -3, 0) >= 0",
    "a BPF program": "libc.syscall(321, 0, 0, 0) >= 0",
    "io_uring": "libc.syscall(425, 1, 0) >= 0",
    "memory of others": "libc.syscall(434, PARENT, 0) >= 0",
    "raise its limits": "resource.setrlimit(resource.RLIMIT_AS, (-1, -1)) is None",
    "leave its group": "os.setsid() or 1",
    "save the preferences": "bpy.ops.wm.save_userpref() == {'FINISHED'} and os.path.exists(OUT + '/config')",
    "install an add-on": "bpy.ops.preferences.addon_install(filepath=CANARY) == {'FINISHED'}",
    "fill the disk": "filled(2 << 30)",
}

PRELUDE = """
import bpy, ctypes, os, resource, socket, subprocess, sys
libc, PRIVATE = ctypes.CDLL(None), os.environ["TMPDIR"]

def loaded(path):
    with bpy.data.libraries.load(path) as (source, target):
        return source.objects

def rendered(path):
    bpy.context.scene.render.filepath = path
    bpy.ops.render.render(write_still=True)
    return os.path.exists(path)

def forked():
    child = os.fork()
    if child == 0:
        os._exit(0)
    return child

def filled(size):
    block, done, name = bytes(1 << 20), 0, 0
    while done < size:
        with open(f"{PRIVATE}/fill{name}", "wb") as file:
            for _ in range(32):
                done += file.write(block)
        name += 1
    return done

through = []
for name, probe in PROBES.items():
    try:
        if eval(probe):
            through.append(name)
    except BaseException:
        pass
raise RuntimeError(f"tried {len(PROBES)}, through: {through}")
"""


def _at_home(place: str) -> bool:
    return Path.home() in Path(place).parents


class Outside:
    """Canaries: a file, a folder that anyone may write, a variable, and a port that counts who calls."""

    def __init__(self, folder: Path, blend: Path) -> None:
        self.file, self.out, self.calls = folder / "canary.txt", folder / "out", 0
        self.file.write_text(SECRET)
        self.file.chmod(0o666)
        self.out.mkdir()
        self.out.chmod(0o777)
        picture = folder / "canary.png"
        Image.new("RGB", (2, 2)).save(picture)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(0.2)
        self._open = True
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        self.names = {
            "SECRET": SECRET,
            "CANARY": str(self.file),
            "PICTURE": str(picture),
            "BLEND": str(blend),
            "HOME": str(Path.home()),
            "PYTHON": {
                Path(place).relative_to(Path.home()).parts[0] for place in own_interpreter().reads if _at_home(place)
            },
            "OUT": str(self.out),
            "PORT": self._server.getsockname()[1],
            "PARENT": os.getpid(),
            "PROBES": PROBES,
        }

    def program(self, body: str) -> str:
        return "".join(f"{name} = {value!r}\n" for name, value in self.names.items()) + body

    def untouched(self) -> bool:
        return self.file.read_text() == SECRET and not any(self.out.iterdir()) and self.calls == 0

    def close(self) -> None:
        self._open = False
        self._thread.join()
        self._server.close()

    def _listen(self) -> None:
        while self._open:
            try:
                self._server.accept()[0].close()
                self.calls += 1
            except TimeoutError:
                continue


@pytest.fixture(scope="module")
def outside(tmp_path_factory, blend):
    folder = tmp_path_factory.mktemp("outside")
    # readable for everyone from here up, so that nothing but the boundary is in the way
    own = [place for place in (folder, *folder.parents) if place != Path("/") and place.stat().st_uid == os.getuid()]
    modes = {place: place.stat().st_mode for place in own}
    for place, mode in modes.items():
        place.chmod(mode | 0o055)
    found = Outside(folder, blend("lighting"))
    os.environ["EDITOR3D_CANARY"] = SECRET
    yield found
    del os.environ["EDITOR3D_CANARY"]
    found.close()
    for place, mode in modes.items():
        place.chmod(mode)


def test_the_boundary_alone_stops_every_probe(boundary, outside):
    told = boundary.render(outside.program(PRELUDE))
    assert told.status == "failed"
    assert told.message.endswith(f"tried {len(PROBES)}, through: []"), told.message
    assert outside.untouched()


HARMLESS_OUTSIDE = (
    *("read a file", "read as a text block", "read as a picture", "read a .blend", "read the passwords"),
    *("write a file", "write a render", "save the scene", "write a library", "see the parent"),
    *("a TCP connection", "a UNIX socket", "start a shell", "start a program", "fork"),
)
"""Probes that may get through on this machine without doing harm."""


def test_the_probes_get_through_where_there_is_no_boundary(blend, tmp_path):
    """They prove something only if they can succeed."""
    outside = Outside(tmp_path, blend("lighting"))
    outside.names["PROBES"] = {name: PROBES[name] for name in HARMLESS_OUTSIDE}
    try:
        bare = {"gate": None, "allow_weaker_sandbox": True, "without": tuple(sandbox.LAYERS)}
        with Workers(blend("lighting"), SETTINGS, **bare) as workers:
            assert workers.protections() == ()
            told = workers.render(outside.program(PRELUDE))
    finally:
        outside.close()
    assert f"through: {list(HARMLESS_OUTSIDE)!r}" in told.message
    assert outside.calls


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["mount namespace", "landlock", "seccomp", "network namespace", "pid namespace"])
def test_no_single_layer_is_all_there_is(layer, blend, outside):
    """With one layer gone the others still keep files, the network and other processes out of reach."""
    spared = {
        "mount namespace": {"read the passwords", "fill the disk"},
        "seccomp": {"fork", "a UNIX socket", "a socket pair", "leave its group", "keys"},
    }
    with Workers(blend("lighting"), SETTINGS, gate=None, allow_weaker_sandbox=True, without=[layer]) as workers:
        assert layer in workers.missing
        told = workers.render(outside.program(PRELUDE))
    assert told.status == "failed"
    through = set(json.loads(told.message.partition("through: ")[2].replace("'", '"')))
    assert through <= spared.get(layer, set())
    assert outside.untouched()


def test_a_forged_result_is_no_result(boundary):
    """Answers and a picture written by the program itself do not pass for the worker's."""
    forged = """
import json, os, struct, zlib
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
rows = b"".join(b"\\0" + b"\\xff" * 96 for _ in range(32))
png = b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0))
png += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
head = json.dumps({"nonce": "0" * 32, "bytes": len(png)}).encode() + b"\\n"
for handle in range(3, 32):
    try:
        os.pwrite(handle, head + png, 0)
    except OSError:
        pass
    try:
        os.write(handle, b'{"state": "ran"}\\n{"state": "done"}\\n')
    except OSError:
        pass
os._exit(0)
"""
    told = boundary.render(forged)
    assert told.status == "crashed"
    assert told.image is None


def test_randomness_is_seeded(boundary):
    source = """
import bpy, random
from mathutils import noise
lamp = bpy.data.objects["Key"].data
lamp.color = (random.random(), noise.random(), random.uniform(0, 1))
"""
    first, second = boundary.render(source), boundary.render(source)
    assert first.status == second.status == "ok"
    assert np.array_equal(first.image, second.image)


def test_the_host_keeps_no_file_of_a_worker(boundary):
    """What a program writes goes to memory inside; the worker's folder on this machine stays as it was."""
    assert boundary.render("").status == "ok"  # a worker is there, with its folder
    before = sorted(path.name.rstrip("0123456789") for path in boundary._folder.rglob("*"))
    source = "import os\nopen(os.environ['TMPDIR'] + '/left', 'w').write('x' * 10**6)"
    told = boundary.render(source)
    assert told.status == "ok", told.message
    assert boundary.render("").status == "ok"  # another has taken its place
    assert sorted(path.name.rstrip("0123456789") for path in boundary._folder.rglob("*")) == before


def test_without_a_gate_what_one_would_refuse_costs_its_process(boundary):
    assert boundary.render("import bpy").status == "ok"
    worker = boundary._idle.queue[0]
    assert boundary.render("import bpy\nx = 1").status == "ok"
    assert boundary._idle.queue[0] is worker
    assert boundary.render("import bpy, os\nx = os.getpid()").status == "ok"
    assert boundary._idle.queue[0] is not worker
