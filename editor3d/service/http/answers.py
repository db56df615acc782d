"""Answers that are no results: one sentence, as JSON, with a status."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ExceptionHandler

from editor3d.errors import Editor3DError

_NOTHING_HERE = {
    404: "There is nothing here: GET /openapi.json lists what there is.",
    405: "This cannot be done here: GET /openapi.json lists what can be.",
}


class Refusal(Exception):
    """A request that is not carried out; its text is the whole answer."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def problem(status: int, sentence: str) -> Response:
    """The answer that tells of a mistake."""
    return JSONResponse({"error": sentence}, status)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return problem(error.status, str(error))


def _mistaken(request: Request, error: Exception) -> Response:
    return problem(400, str(error))


def _not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # the router's
    return problem(error.status_code, _NOTHING_HERE.get(error.status_code, error.detail))


def _impossible(request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)  # such as a full disk
    return problem(500, f"The service cannot do that: {error.strerror or error}.")


def _gone(request: Request, error: Exception) -> Response:
    return problem(400, "The body ended early.")  # which nobody reads any more


HANDLERS: dict[type[Exception], ExceptionHandler] = {
    Refusal: _refused,
    Editor3DError: _mistaken,
    HTTPException: _not_found,
    OSError: _impossible,
    ClientDisconnect: _gone,
}
