"""Run one service from its start to its end."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from pathlib import Path

from editor3d.errors import ConfigError
from editor3d.host.versions import package_version
from editor3d.service.http.server import Server
from editor3d.service.http.service import HOST, Service
from editor3d.service.http.signing import PROOF, is_proof, signed
from editor3d.service.jobs.state import (
    ServiceState,
    default_job_folder,
    default_state_file,
    read_state,
    remove_state,
    write_state,
)

_LOOK = 1.0
"""Seconds between two looks at whether the service is idle."""


def serve(state: Path | None, folder: Path | None, port: int, idle_minutes: float) -> int:
    """Serve until a signal, a client or idleness ends it; 0.

    Raises:
        ConfigError: the port is taken, a folder cannot be written, or another service uses the state file.
    """
    state = default_state_file() if state is None else state.absolute()
    folder = default_job_folder() if folder is None else folder.absolute()
    if not 0 <= idle_minutes < math.inf:
        raise ConfigError(f"Expected minutes of at least 0 for --idle-minutes, got {idle_minutes:g}: 0 stays.")
    os.umask(0o077)  # whatever the service and its jobs write is this user's alone
    running = read_state(state)
    if running is not None and _alive(running):
        raise ConfigError(
            f"A service runs already (process {running.pid}, port {running.port}): end it, or give another --state."
        )
    server = Server(folder, port)
    service = server.service
    answer = ServiceState(service.port, service.token, os.getpid(), package_version())
    try:
        write_state(state, answer)
    except ConfigError:
        server.close()
        raise
    previous = {name: signal.signal(name, lambda *_: service.end()) for name in (signal.SIGINT, signal.SIGTERM)}
    if idle_minutes > 0:
        threading.Thread(target=_end_when_idle, args=(service, 60.0 * idle_minutes), daemon=True).start()
    print(f"Serving on {HOST}:{service.port}; clients find it by {state}", flush=True)
    try:
        server.run_until_end()
    finally:
        remove_state(state, service.token)
        server.close()
        for name, handler in previous.items():
            signal.signal(name, handler)
    print("The service has ended.", flush=True)
    return 0


def _alive(state: ServiceState) -> bool:
    """Whether the service that left a state file answers, and not another program on its port."""
    import http.client

    host = f"{HOST}:{state.port}"
    request = signed(state.token, "GET", "/v1/health", host)
    connection = http.client.HTTPConnection(HOST, state.port, timeout=2.0)
    try:
        connection.request("GET", "/v1/health", headers={"Host": host, "Authorization": request.header()})
        answer = connection.getresponse()
        return answer.status == 200 and is_proof(answer.getheader(PROOF), state.token, request.nonce, 200)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _end_when_idle(service: Service, seconds: float) -> None:
    while not service.ending:
        time.sleep(min(_LOOK, seconds))
        last = max(service.last_request, service.jobs.last_active)
        if not service.jobs.busy and time.monotonic() - last > seconds:
            service.end()
