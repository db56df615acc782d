"""What the studio does at each request of its page, after `access` has let it pass."""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from editor3d.service.http import limits
from editor3d.service.http.answers import Refusal
from editor3d.service.http.routes import STREAM
from editor3d.studio.http import marks
from editor3d.studio.http.access import SESSION
from editor3d.studio.http.asks import Edit, Export, Open, Select, Session, Try, body_of
from editor3d.studio.http.studio import Studio

BUNDLE = Path(__file__).parents[1] / "bundle"
"""The page, as `editor3d.studio.build` makes it."""
JPEG = "image/jpeg"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_LOOK, _QUIET = 0.2, 15.0
_MOST_PREVIEWS = 16


def page(request: Request) -> Response:
    """The page and its parts, which hold nothing of anybody's."""
    name = request.path_params.get("file") or "index.html"
    path = (BUNDLE / name).resolve()
    if not path.is_relative_to(BUNDLE) or not path.is_file() or path.suffix not in _TYPES:
        raise Refusal(404, "There is nothing here: open the address that editor3d studio printed.")
    return FileResponse(path, media_type=_TYPES[path.suffix])


async def session(request: Request) -> Response:
    """Change the token of the address for a cookie."""
    studio = _studio(request)
    given = await body_of(request, Session)
    if not hmac.compare_digest(given.token.encode(), studio.token.encode()):
        if not studio.service.failures.take():
            raise Refusal(429, "Too many wrong tokens: wait.")
        raise Refusal(401, "The address holds a wrong token: open the one that editor3d studio printed last.")
    answer = JSONResponse({})
    answer.set_cookie(studio.cookie, studio.secret, path="/", httponly=True, samesite="strict")
    return answer


def state(request: Request) -> Response:
    """All that the page shows."""
    return JSONResponse(_studio(request).project.state())


async def events(request: Request) -> Response:
    """A stream of the state, whenever it changes."""
    studio = _studio(request)
    if studio.service.streams >= limits.MAX_STREAMS:
        raise Refusal(503, "Too many pages are open: close one.")
    return StreamingResponse(_states(studio), media_type=STREAM)


async def _states(studio: Studio) -> AsyncIterator[bytes]:
    studio.service.streams += 1
    try:
        shown, quiet = "", 0.0
        while not studio.service.ending:
            now = json.dumps(await run_in_threadpool(studio.project.state))
            if now != shown:
                shown, quiet = now, 0.0
                yield f"data: {now}\n\n".encode()
            elif quiet > _QUIET:
                quiet = 0.0
                yield b":\n\n"
            quiet += _LOOK
            await asyncio.sleep(_LOOK)
    finally:
        studio.service.streams -= 1


async def open_scene(request: Request) -> Response:
    """Open a scene: the demo, a path of this machine, or a file that was sent."""
    studio, asked = _studio(request), await body_of(request, Open)
    return await run_in_threadpool(_open, studio, asked)


def _open(studio: Studio, asked: Open) -> Response:
    source = asked.path
    if asked.upload:
        files = studio.service.uploads.files()
        if asked.upload not in files:
            raise Refusal(404, "The file is not there any more: send it again.")
        source = str(studio.keep(files[asked.upload]))
    elif source != "demo":
        source = str(Path(source).expanduser())
    studio.project.open(source, {} if asked.draft is None else {"draft": asked.draft})
    return JSONResponse({})


def scene(request: Request) -> Response:
    """Views, objects and place of the scene of an entry."""
    studio = _studio(request)
    found, _ = studio.frames.call("open", run=studio.project.run_of(request.query_params.get("entry", "")))
    studio.prepare()
    return JSONResponse(found)


def frame(request: Request) -> Response:
    """One picture of the scene of an entry."""
    studio, asked = _studio(request), request.query_params
    try:
        c2w = [float(word) for word in asked["c2w"].split(",")]
        shot = {"fov": float(asked["fov"]), "width": int(asked["w"]), "height": int(asked["h"])}
        shot["strength"] = float(asked.get("strength", "1"))
        quality = int(asked.get("q", "80"))
    except (KeyError, ValueError) as error:
        raise Refusal(400, "Expected c2w, fov, w and h as numbers: reload the page.") from error
    run = studio.project.run_of(asked.get("entry", ""))
    region = asked.get("region", "")
    _, picture = studio.frames.call("frame", run=run, c2w=c2w, quality=quality, region=region, **shot)
    return Response(picture, media_type=JPEG)


def splats(request: Request) -> Response:
    """The scene of an entry as a file of splats, for pages that draw it by WebGL."""
    studio = _studio(request)
    _, file = studio.frames.call("file", run=studio.project.run_of(request.query_params.get("entry", "")))
    return Response(file, media_type="application/octet-stream")


def photograph(request: Request) -> Response:
    """One of the capture's photographs, small."""
    studio, asked = _studio(request), request.query_params
    side = asked.get("side", "")
    if not (side.isascii() and side.isdigit() and 16 <= int(side) <= 1024):
        raise Refusal(400, "Expected a side from 16 to 1024.")
    run = studio.project.run_of(asked.get("entry", ""))
    _, picture = studio.frames.call("photograph", run=run, view=asked.get("view", ""), side=int(side))
    return Response(picture, media_type=JPEG)


def editors(request: Request) -> Response:
    """The 2D editors, and the words of the one that has a list."""
    return JSONResponse(_studio(request).words.call("editors")[0])


async def check(request: Request) -> Response:
    """Whether an editor takes an instruction."""
    studio, asked = _studio(request), await body_of(request, Try)
    run = studio.project.run_of(asked.entry)
    said = {"run": run, "instruction": asked.instruction, "editor": asked.editor}
    found, _ = await run_in_threadpool(lambda: studio.words.call("check", **said))
    return JSONResponse(found)


async def preview(request: Request) -> Response:
    """Edit one view in 2D, and say what the whole edit will take."""
    studio, asked = _studio(request), await body_of(request, Try)
    run = studio.project.run_of(asked.entry)
    said = {"run": run, "instruction": asked.instruction, "editor": asked.editor}
    told, pictures = await run_in_threadpool(
        lambda: studio.words.call("preview", view=asked.view, seed=asked.seed, **said)
    )
    key, split = secrets.token_urlsafe(9), told.pop("split")
    studio.previews[f"{key}-before"], studio.previews[f"{key}-after"] = pictures[:split], pictures[split:]
    for old in list(studio.previews)[: max(0, len(studio.previews) - _MOST_PREVIEWS)]:
        del studio.previews[old]
    return JSONResponse({**told, "key": key})


def preview_picture(request: Request) -> Response:
    """A picture of a preview."""
    found = _studio(request).previews.get(request.path_params["name"])
    if found is None:
        raise Refusal(404, "This preview is not kept any more: make it again.")
    return Response(found, media_type=JPEG)


async def edit(request: Request) -> Response:
    """Begin an edit of the scene."""
    studio, asked = _studio(request), await body_of(request, Edit)
    if not studio.service.new_jobs.take():
        raise Refusal(429, "Too many new jobs: wait a few seconds.")
    entry = await run_in_threadpool(studio.project.edit, asked.instruction, asked.settings())
    return JSONResponse({"entry": entry.id})


async def export(request: Request) -> Response:
    """Write the scene of an entry as a file."""
    studio, asked = _studio(request), await body_of(request, Export)
    await run_in_threadpool(studio.project.export, asked.entry, asked.format, asked.suffix, asked.strength)
    return JSONResponse({})


async def select(request: Request) -> Response:
    """Show an entry of the history."""
    studio, asked = _studio(request), await body_of(request, Select)
    await run_in_threadpool(studio.project.select, asked.entry)
    return JSONResponse({})


async def remove(request: Request) -> Response:
    """Forget an entry of the history, and those that start from it."""
    studio, asked = _studio(request), await body_of(request, Select)
    await run_in_threadpool(studio.project.remove, asked.entry)
    return JSONResponse({})


def cancel(request: Request) -> Response:
    """Stop the job that runs."""
    _studio(request).project.cancel()
    return JSONResponse({})


def again(request: Request) -> Response:
    """Reconstruct the scene again."""
    _studio(request).project.again()
    return JSONResponse({})


ROUTES = (
    Route(SESSION, session, methods=["POST"]),
    Route("/studio/state", state, methods=["GET"]),
    Route("/studio/events", events, methods=["GET"]),
    Route("/studio/open", open_scene, methods=["POST"]),
    Route("/studio/scene", scene, methods=["GET"]),
    Route("/studio/frame", frame, methods=["GET"]),
    Route("/studio/splats", splats, methods=["GET"]),
    *marks.ROUTES,
    Route("/studio/photograph", photograph, methods=["GET"]),
    Route("/studio/editors", editors, methods=["GET"]),
    Route("/studio/check", check, methods=["POST"]),
    Route("/studio/preview", preview, methods=["POST"]),
    Route("/studio/preview/{name}", preview_picture, methods=["GET"]),
    Route("/studio/edit", edit, methods=["POST"]),
    Route("/studio/export", export, methods=["POST"]),
    Route("/studio/select", select, methods=["POST"]),
    Route("/studio/remove", remove, methods=["POST"]),
    Route("/studio/cancel", cancel, methods=["POST"]),
    Route("/studio/again", again, methods=["POST"]),
    Route("/", page, methods=["GET"]),
    Route("/{file:path}", page, methods=["GET"]),
)


def _studio(request: Request) -> Studio:
    return request.app.state.studio
