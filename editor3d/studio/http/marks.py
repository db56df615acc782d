"""What the page marks on the scene, as a region that an edit is confined to."""

from __future__ import annotations

import hashlib
import json

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from editor3d.files.writing import replacing
from editor3d.studio.http.asks import Choose, Mark, body_of
from editor3d.studio.http.studio import Studio

REGIONS = "regions"
"""The folder in the studio's own that strokes are kept in; one file for the same strokes."""


async def mark(request: Request) -> Response:
    """What of the scene lies under a line on a frame: points, and the object that they belong to."""
    studio, asked = request.app.state.studio, await body_of(request, Mark)
    run = studio.project.run_of(asked.entry)
    shot = {"c2w": asked.c2w, "fov": asked.fov, "width": asked.width, "height": asked.height}
    found, _ = await run_in_threadpool(lambda: studio.frames.call("marked", run=run, pixels=asked.pixels, **shot))
    return JSONResponse(found)


async def region(request: Request) -> Response:
    """The region of strokes, or of words, as an edit takes it, and how much of the scene it holds."""
    studio, asked = request.app.state.studio, await body_of(request, Choose)
    return await run_in_threadpool(_choose, studio, asked)


def _choose(studio: Studio, asked: Choose) -> Response:
    text = asked.region
    if asked.strokes:
        text = _kept(studio, asked)
    run = studio.project.run_of(asked.entry)
    found, _ = studio.frames.call("parts", run=run, region=text)
    return JSONResponse({"region": text, **found})


def _kept(studio: Studio, asked: Choose) -> str:
    strokes = [{"points": stroke.points, "inside": stroke.inside} for stroke in asked.strokes]
    text = json.dumps({"strokes": strokes})
    path = studio.folder / REGIONS / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    if not path.is_file():
        path.parent.mkdir(exist_ok=True)
        with replacing(path, private=True) as partial:
            partial.write_text(text, encoding="utf-8")
    return f"strokes:{path}"


ROUTES = (
    Route("/studio/mark", mark, methods=["POST"]),
    Route("/studio/region", region, methods=["POST"]),
)
