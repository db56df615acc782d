"""The studio as one application: its page, what the page asks, and the service for other programs beside it."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from editor3d.service.http.answers import HANDLERS
from editor3d.service.http.app import create_app
from editor3d.service.http.bounds import Bounds, Failures
from editor3d.service.http.routes import OPERATIONS
from editor3d.studio.http.access import API, OwnPage
from editor3d.studio.http.routes import ROUTES
from editor3d.studio.http.studio import Studio

SHARED = ("upload", "job_picture", "job_file")
"""Requests of the service that the page makes, too, below /studio."""


def create_studio_app(studio: Studio) -> ASGIApp:
    """The application of one studio."""
    shared = [one for one in OPERATIONS if one.act.__name__ in SHARED]
    page = Starlette(
        routes=[
            *(Route(f"{API[:-1]}{one.path}", one.act, methods=[one.method]) for one in shared),
            *ROUTES,
        ],
        middleware=[Middleware(Bounds), Middleware(OwnPage, studio=studio), Middleware(Failures)],
        exception_handlers=HANDLERS,
    )
    page.router.redirect_slashes = False
    page.state.service, page.state.studio = studio.service, studio
    service = create_app(studio.service)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        signed = scope["path"].startswith("/v1/") or scope["path"] == "/openapi.json"
        await (service if signed else page)(scope, receive, send)

    return app
