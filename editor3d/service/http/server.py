"""The service on the loopback interface, by uvicorn."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from editor3d.errors import ConfigError
from editor3d.service.http.app import create_app
from editor3d.service.http.connections import BoundedConnection
from editor3d.service.http.limits import MAX_HEAD
from editor3d.service.http.service import HOST, Service
from editor3d.service.jobs.queue import JobQueue

_BACKLOG = 64
_GRACE_SECONDS = 2
"""For answers that are on their way when the service ends."""


class Server(uvicorn.Server):
    """A service and where it listens, which it does once it is made.

    Args:
        folder: where jobs and uploads are kept.
        port: 0 takes a free one.
        jobs: another queue than the one in `folder`.
        application: makes what answers requests.

    Raises:
        ConfigError: the port is taken, or no port.
    """

    def __init__(
        self,
        folder: Path,
        port: int = 0,
        jobs: JobQueue | None = None,
        application: Callable[[Service], ASGIApp] = create_app,
    ) -> None:
        self.socket = _listening(port)
        try:
            self.service = Service(jobs if jobs is not None else JobQueue(folder), self.socket.getsockname()[1])
        except BaseException:
            self.socket.close()
            raise
        connection: Any = partial(BoundedConnection, self.service.connections)
        super().__init__(
            uvicorn.Config(
                application(self.service),
                loop="asyncio",
                http=connection,
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level="critical",
                access_log=False,
                proxy_headers=False,  # nothing stands between it and its clients
                server_header=False,
                date_header=False,
                h11_max_incomplete_event_size=MAX_HEAD,
                backlog=_BACKLOG,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )

    def run_until_end(self) -> None:
        """Answer requests until `service.end` is called, from any thread or a signal's handler."""
        self.run([self.socket])

    def close(self) -> None:
        """Stop all jobs and let go of the port."""
        self.service.close()
        self.socket.close()

    async def on_tick(self, counter: int) -> bool:
        """Whether to end; uvicorn looks ten times a second."""
        return await super().on_tick(counter) or self.service.ending

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs the service."""
        yield


def _listening(port: int) -> socket.socket:
    if not 0 <= port < 1 << 16:
        raise ConfigError(f"Expected a port from 0 to 65535, got {port}: leave --port out.")
    try:
        return socket.create_server((HOST, port), backlog=_BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"Expected a free port on {HOST}, but {port} is not ({error.strerror}): leave --port out."
        ) from error
