"""The service as one Starlette application."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from editor3d.service.http.access import OwnAddress, SignedRequests
from editor3d.service.http.answers import HANDLERS
from editor3d.service.http.bounds import Bounds, Failures
from editor3d.service.http.openapi import description
from editor3d.service.http.routes import OPERATIONS
from editor3d.service.http.service import Service


def create_app(service: Service) -> Starlette:
    """The application of one service; its requests pass the middleware from the first to the last."""

    def openapi(request: Request) -> Response:
        return JSONResponse(description(OPERATIONS))

    app = Starlette(
        routes=[Route(one.path, one.act, methods=[one.method]) for one in OPERATIONS]
        + [Route("/openapi.json", openapi, methods=["GET"])],
        middleware=[
            Middleware(Bounds),
            Middleware(OwnAddress, service=service),
            Middleware(SignedRequests, service=service),
            Middleware(Failures),
        ],
        exception_handlers=HANDLERS,
    )
    app.router.redirect_slashes = False
    app.state.service = service
    return app
