"""Measure the studio: seconds from its command to the first edited 3D picture, and frames a second of a turning camera.

    python benchmarks/studio.py
    python benchmarks/studio.py --output outputs --seconds 10

The demo is reconstructed first where no base of it is kept, which is not counted. Then `editor3d studio demo` is
started in a new history, and asked what its page asks, by the page's own requests: the scene, a frame, the preview of
one photograph, the quick edit, a frame of the edited scene. A copy of the base is opened then in the running studio,
until its first frame. Frames are of 640 x 360 pixels, two asked for at a time, and decoded. The rasterizer's own time
for such a frame, without process, JPEG and connection, is measured beside them.
"""

from __future__ import annotations

import http.client
import io
import json
import math
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from PIL import Image
from rich.console import Console
from rich.table import Table

from editor3d.outputs.orbit import orbit_cameras

WIDTH, HEIGHT, FRAMES = 640, 360, 120


@dataclass
class Asking:
    """What the page asks of a studio."""

    host: str
    cookie: str = ""
    began: float = field(default_factory=time.perf_counter)

    def __call__(self, method: str, path: str, body: Any = None) -> bytes:
        raw = None if body is None else json.dumps(body).encode()
        headers = {"Sec-Fetch-Site": "same-origin", "Origin": f"http://{self.host}", "Cookie": self.cookie}
        connection = http.client.HTTPConnection(self.host, timeout=600)
        connection.request(method, path, raw, headers)
        answer = connection.getresponse()
        found = answer.read()
        connection.close()
        if answer.status != 200:
            raise SystemExit(found.decode())
        cookie = answer.getheader("Set-Cookie")
        self.cookie = cookie.partition(";")[0] if cookie else self.cookie
        return found

    def get(self, path: str) -> Any:
        return json.loads(self("GET", path))

    def frame(self, entry: str, c2w: np.ndarray, fov: float) -> tuple[int, int]:
        """The size of a frame, decoded."""
        numbers = ",".join(f"{number:.7g}" for number in c2w.flatten())
        query = f"entry={entry}&c2w={numbers}&fov={fov}&w={WIDTH}&h={HEIGHT}&q=75"
        picture = Image.open(io.BytesIO(self("GET", f"/studio/frame?{query}")))
        picture.load()
        return picture.size

    def until_done(self) -> dict[str, Any]:
        while True:
            state = self.get("/studio/state")
            newest = state["entries"][-1]
            if newest["state"] in ("failed", "cancelled"):
                raise SystemExit(newest["error"])
            if newest["there"]:
                return state
            time.sleep(0.1)


def main(output: Path = Path("outputs"), seconds: float = 5.0, instruction: str = "make the teapot gold") -> None:
    """
    Args:
        output: folder of runs, with the kept base.
        seconds: how long the camera turns.
        instruction: of the edit.
    """
    words = [sys.executable, "-m", "editor3d.cli"]
    kept = [*words, "reconstruct", "demo", "--steps", "1500", "--output", str(output)]
    base = Path(subprocess.run(kept, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    spent: list[tuple[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        studio = subprocess.Popen(
            [*words, "studio", "demo", "--no-browser", "--folder", folder, "--output", str(output)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert studio.stdout is not None
            found = re.search(r"http://(\S+)/#(\S+)", studio.stdout.readline())
            assert found is not None
            ask = Asking(found[1])

            def note(what: str) -> None:
                spent.append((what, time.perf_counter() - began))

            note("the address is printed")
            ask("POST", "/studio/session", {"token": found[2]})
            ask.until_done()
            scene = ask.get("/studio/scene?entry=0")
            view = scene["views"][0]
            poses = orbit_cameras(np.array([one["c2w"] for one in scene["views"]]).reshape(-1, 3, 4), FRAMES)
            ask.frame("0", poses[0], view["fov"])
            note("first frame of the scene")
            tried = {"entry": "0", "instruction": instruction, "view": view["name"]}
            ask("POST", "/studio/preview", tried)
            note("preview of one photograph")
            entry = json.loads(ask("POST", "/studio/edit", {"instruction": instruction}))["entry"]
            ask.until_done()
            ask.frame(entry, poses[0], view["fov"])
            note("first frame of the edited scene")

            def one(number: int) -> float:
                started = time.perf_counter()
                assert ask.frame(entry, poses[number % FRAMES], view["fov"]) == (WIDTH, HEIGHT)
                return time.perf_counter() - started

            started, times = time.perf_counter(), []
            with ThreadPoolExecutor(2) as pool:
                number = 0
                while time.perf_counter() - started < seconds:
                    times += list(pool.map(one, range(number, number + 8)))
                    number += 8
            rate = number / (time.perf_counter() - started)
            copied = Path(shutil.copytree(base, Path(folder, "copy", base.name)))
            started = time.perf_counter()
            ask("POST", "/studio/open", {"path": str(copied)})
            ask.get("/studio/scene?entry=0")
            ask.frame("0", poses[0], view["fov"])
            opening = time.perf_counter() - started
        finally:
            studio.terminate()
            studio.wait()
    table = Table("editor3d studio demo, from its start", "seconds")
    for what, when in spent:
        table.add_row(what, f"{when:.1f}")
    console = Console(width=120)
    console.print(table)
    console.print(f"A run that is opened in a running studio: first frame after {opening:.2f} s.")
    alone = rasterized(base, poses, view["fov"])
    median = 1e3 * statistics.median(times)
    console.print(
        f"A turning camera at {WIDTH} x {HEIGHT}: {rate:.1f} frames/s, median {median:.0f} ms from "
        f"request to decoded picture; the rasterizer alone {1e3 * alone:.0f} ms, {rate * alone:.2f} of its rate."
    )


def rasterized(run: Path, poses: np.ndarray, fov: float) -> float:
    """Median seconds of one frame in this process."""
    from editor3d.studio.engine.scenes import HeldScene

    scene, times = HeldScene(run), []
    for pose in poses[:30]:
        started = time.perf_counter()
        scene.picture(pose.flatten().tolist(), fov, WIDTH, HEIGHT)
        times.append(time.perf_counter() - started)
    return statistics.median(times) if times else math.nan


if __name__ == "__main__":
    tyro.cli(main)
