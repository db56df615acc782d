"""Pictures of a job in the panel: small, as pixels, and made into previews when they are drawn."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.responses import FileResponse

from editor3d.service.http import routes
from editor3d.service.http.server import Server
from editor3d.service.jobs.queue import JobQueue
from editor3d.service.jobs.state import ServiceState, write_state

COMMAND = """
import json, pathlib, sys, time
from PIL import Image
sys.argv[1:] = json.load(sys.stdin)
folder = pathlib.Path(sys.argv[sys.argv.index("--output") + 1])
picture = Image.linear_gradient("L").resize((400, 200))
picture = Image.merge("RGB", (picture, picture.rotate(180), Image.new("L", picture.size, 40)))
for name in ("before", "after"):
    (folder / name).mkdir(parents=True)
    picture.save(folder / name / "view.png")
picture.resize((600, 300)).save(folder / "before_after.png")
with open(sys.argv[sys.argv.index("--events") + 1], "a") as file:
    print(json.dumps({"event": "picture", "path": str(folder / "before_after.png")}), file=file)
while not (folder / "seen").exists():
    time.sleep(0.02)
"""
STORY = """
session, thumbnails = part("job.session").session, part("job.thumbnails")
loaded = []
kind = type(bpy.utils.previews.new())
load = kind.load
kind.load = lambda self, name, path, *rest: (loaded.append(path), load(self, name, path, *rest))[1]
thumbnails.sides.update(progress=100, pair=67, sheet=90)
inputs = {"picture": ("view.png", b"a picture")}
session.start(part("job.work").JobRequest("picture-preview", "winter", "the view", inputs, {}), "")
end = time.monotonic() + 60
while session.running and time.monotonic() < end:
    part("job.session").tick()
    if session.shown == 1 and "seen" not in result:
        result["early"] = list(thumbnails._pictures)
        thumbnails.icon("progress")
        result["seen"] = list(thumbnails._pictures)
        (job,) = os.listdir(os.path.join(names["jobs"], "jobs"))
        open(os.path.join(names["jobs"], "jobs", job, "result", "seen"), "w").close()
    time.sleep(0.02)
def shown(name):
    known = thumbnails.icon(name)
    preview = thumbnails._pictures[thumbnails._names[name]]
    assert preview.icon_id == known
    return [list(preview.image_size), list(preview.image_pixels)]
result |= {"phase": session.phase, "message": session.message, "late": list(thumbnails._pictures)}
result["after"] = shown("after-0")
result["loaded"] = list(loaded)
thumbnails.icon("after-0")
result["drawn"] = list(thumbnails._pictures)
result["sheet"] = session.outcome.sheet.hex()
session.drop()
result["left"] = list(thumbnails._pictures), thumbnails.icon("after-0"), thumbnails.icon("before-0")
"""


@pytest.fixture
def engine(blender, tmp_path: Path) -> Iterator[Path]:
    """A service that the add-on of `blender` finds, whose job waits until its picture was seen; its folder."""
    folder = tmp_path / "jobs"
    server = Server(folder, jobs=JobQueue(folder, [sys.executable, "-c", COMMAND]))
    service = server.service
    state = Path(blender.environment["XDG_RUNTIME_DIR"]) / "editor3d" / "service.json"
    write_state(state, ServiceState(service.port, service.token, os.getpid(), "0"))
    thread = threading.Thread(target=server.run_until_end)
    thread.start()
    yield service.jobs.folder
    service.end()
    thread.join()
    server.close()


def result_file(folder: Path, name: str) -> bytes:
    return next(folder.glob(f"jobs/*/result/{name}")).read_bytes()


def test_pictures_come_as_pixels_and_become_previews_when_they_are_drawn(blender, engine: Path):
    told = blender.run(STORY, jobs=engine)
    assert told["phase"] == "pending", told
    assert told["early"] == []
    assert told["seen"] == told["late"] == ["progress-1"]
    # Blender would read a file in a job, and draw the whole window at its end
    assert told["loaded"] == []
    (width, height), values = told["after"]
    with Image.open(io.BytesIO(result_file(engine, "after/view.png"))) as picture:
        expected = picture.convert("RGB")
    expected.thumbnail((67, 67), Image.Resampling.LANCZOS)
    assert (width, height) == expected.size == (67, 34)
    pixels = np.array(values, np.int64).astype(np.uint32).view(np.uint8).reshape(height, width, 4)
    assert np.array_equal(pixels[::-1, :, :3], np.asarray(expected))  # Blender's first row is the lowest
    assert (pixels[..., 3] == 255).all()
    assert told["drawn"] == ["progress-1", "after-0-2"]  # once, however often it is drawn
    assert told["left"] == [[], 0, 0]


def test_the_whole_sheet_is_there_to_be_opened(blender, engine: Path):
    told = blender.run(STORY, jobs=engine)
    assert bytes.fromhex(told["sheet"]) == result_file(engine, "before_after.png")


def test_an_engine_that_makes_no_small_pictures_is_understood(blender, engine: Path, monkeypatch):
    monkeypatch.setattr(routes, "_sized", lambda request, path: FileResponse(path))
    told = blender.run(STORY, jobs=engine)
    assert told["phase"] == "pending", told
    assert told["early"] == []
    assert [Path(path).name for path in told["loaded"]] == ["progress-1.png", "after-0-1.png"]
    assert told["after"][0] != [0, 0]


def test_what_is_asked_for_is_no_larger_than_what_is_drawn(blender):
    """A larger picture would be scaled down by Blender, at every drawing."""
    told = blender.run(
        """
        from types import SimpleNamespace as Made
        thumbnails = part("job.thumbnails")
        for width in (20, 180, 226, 500, 2000):
            for scale, pixel in ((0.5, 1), (1.0, 1), (2.0, 2), (3.0, 3)):
                system = Made(ui_scale=scale, pixel_size=pixel)
                context = Made(region=Made(width=width), preferences=Made(system=system))
                thumbnails.fit(context)
                result[f"{width} {scale} {pixel}"] = [dict(thumbnails.scales), dict(thumbnails.sides)]
        """
    )
    assert len(told) == 20
    for name, (scales, sides) in told.items():
        width, scale, pixel = map(float, name.split())
        unit = round(18 * scale) + 2 * pixel
        for use, columns in (("progress", 1), ("pair", 2), ("sheet", 1)):
            assert sides[use] <= max(16, scales[use] * unit - 8)
            assert sides[use] <= 1024
            if width > 8 * unit:
                assert columns * scales[use] * unit < width
    assert told["500 1.0 1"][1]["pair"] > told["226 1.0 1"][1]["pair"] > 60
