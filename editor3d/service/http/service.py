"""What the requests of one service share."""

from __future__ import annotations

import secrets
import time

from editor3d.service.http.connections import Connections
from editor3d.service.http.limits import MAX_CONNECTIONS, Rate
from editor3d.service.http.signing import Signatures
from editor3d.service.jobs.queue import JobQueue
from editor3d.service.jobs.uploads import Uploads

HOST = "127.0.0.1"


class Service:
    """One service.

    Args:
        jobs: its queue; uploads are kept beside them.
        port: where it listens.
    """

    def __init__(self, jobs: JobQueue, port: int) -> None:
        self.jobs, self.port = jobs, port
        self.token = secrets.token_urlsafe(32)
        self.signatures = Signatures(self.token)
        self.uploads = Uploads(jobs.folder)
        self.requests, self.new_jobs, self.failures = Rate(50, 200), Rate(0.5, 10), Rate(0.5, 10)
        self.connections = Connections(MAX_CONNECTIONS)
        self.streams = 0
        """Streams of events that are open."""
        self.last_request = time.monotonic()
        self.ending = False
        """Whether it is to end; streams end then, too."""

    def end(self) -> None:
        """Have it end soon."""
        self.ending = True

    def close(self) -> None:
        """Stop all jobs and remove the uploads."""
        self.jobs.close()
        self.uploads.close()
