"""Serve an assistant: by this process's own input and output, or by HTTP on this machine."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from editor3d.errors import ConfigError
from editor3d.service.http.service import HOST
from editor3d.service.jobs.queue import JobQueue
from editor3d.service.jobs.state import default_job_folder

FOLDER = "assistants"
TOKEN = "EDITOR3D_MCP_TOKEN"
"""The variable that sets the token for HTTP."""
_SHORTEST_TOKEN = 16
_HOW_TO_GET = "pip install 'editor3d[mcp]'"


def serve_assistant(folder: Path | None, port: int | None) -> int:
    """Serve until the client leaves, or a signal ends it; 0.

    Args:
        folder: what jobs write; by default in the user's place for what can be made again.
        port: None speaks by standard input and output; else by HTTP on this port, 0 a free one.

    Raises:
        ConfigError: the package mcp is not installed, the port is taken, or the folder cannot be written.
    """
    try:
        import mcp  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"Expected the package mcp for assistants, found none: {_HOW_TO_GET}.") from error
    from editor3d.service.assistants.tools import create_server
    from editor3d.service.assistants.workshop import Workshop, own_folder

    os.umask(0o077)
    with own_folder(default_job_folder() / FOLDER if folder is None else folder.absolute()) as place:
        queue = JobQueue(place)
        try:
            server = create_server(Workshop(queue))
            if port is None:
                server.run("stdio")
            else:
                _serve_http(server, port)
        except KeyboardInterrupt:
            pass
        finally:
            queue.close()
    return 0


def _serve_http(server, port: int) -> None:
    """Answer to clients of this machine that know the token."""
    import socket

    import uvicorn

    token = os.environ.get(TOKEN) or secrets.token_urlsafe(32)
    if len(token) < _SHORTEST_TOKEN:
        raise ConfigError(f"Expected a token of at least {_SHORTEST_TOKEN} characters in {TOKEN}: set a longer one.")
    if not 0 <= port < 1 << 16:
        raise ConfigError(f"Expected a port from 0 to 65535, got {port}: leave --port out.")
    try:
        listening = socket.create_server((HOST, port))
    except OSError as error:
        raise ConfigError(
            f"Expected a free port on {HOST}, but {port} is not ({error.strerror}): leave --port out."
        ) from error
    with listening:
        address = f"http://{HOST}:{listening.getsockname()[1]}/mcp"
        said = f"the token of {TOKEN}" if os.environ.get(TOKEN) else token
        print(f"Serving assistants at {address}; they send the header  Authorization: Bearer {said}", flush=True)
        app = TokenRequired(server.streamable_http_app(host=HOST), token)
        uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False)).run([listening])


class TokenRequired:
    """Middleware: lets requests pass that carry the token."""

    def __init__(self, app, token: str) -> None:
        self._app, self._expected = app, f"Bearer {token}".encode()

    async def __call__(self, scope, receive, send) -> None:
        from starlette.responses import PlainTextResponse

        if scope["type"] == "http":
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(given, self._expected):
                refusal = PlainTextResponse("Send the token as Authorization: Bearer TOKEN.", 401)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)
