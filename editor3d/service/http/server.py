"""HTTP on the loopback interface.

Every request is signed with the token of the state file (`signing`) and has a Host of this machine; one with an Origin
comes from a web page and is refused, whatever it knows.

    GET    /v1/health                 what the service is, the editors and presets that there are
    POST   /v1/uploads?name=FILE      the body is kept as a file: {"upload": ID}
    POST   /v1/jobs                   start a job (`requests.parse_request`): the job
    GET    /v1/jobs, /v1/jobs/ID      jobs as `Job.snapshot` gives them
    POST   /v1/jobs/ID/cancel         stop it at once
    DELETE /v1/jobs/ID                forget it
    GET    /v1/jobs/ID/picture        the newest picture of it, PNG
    GET    /v1/jobs/ID/files/NAME     a result
    POST   /v1/shutdown               end the service and all jobs

With `?side=N` (1 to 1024) a picture, or a result that is one, comes scaled down to at most N pixels high and wide, as
PPM (`pictures.small_picture`).
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import secrets
import shutil
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from editor3d.errors import ConfigError, Editor3DError
from editor3d.service.http.connections import (
    ANSWER_SECONDS,
    BODY_RATE,
    BODY_SECONDS,
    HEAD_SECONDS,
    Connections,
    TimedReader,
)
from editor3d.service.http.limits import MAX_CONNECTIONS, MAX_JSON, MAX_UPLOAD, MAX_UPLOADS, Rate
from editor3d.service.http.signing import PROOF, Signatures, Signed, proof
from editor3d.service.jobs import owned
from editor3d.service.jobs.pictures import MAX_SIDE, small_picture
from editor3d.service.jobs.queue import UPLOADS, Job, JobQueue
from editor3d.service.jobs.requests import KINDS, parse_request
from editor3d.service.jobs.state import PROTOCOL

HOST = "127.0.0.1"
_UPLOAD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class Refusal(Exception):
    """An answer that is not 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Service(ThreadingHTTPServer):
    """The service; it listens once it is made.

    Args:
        folder: where jobs and uploads are kept.
        port: 0 takes a free one.
        jobs: another queue than the one in `folder`.

    Raises:
        ConfigError: the port is taken, or no port.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder: Path, port: int = 0, jobs: JobQueue | None = None) -> None:
        if not 0 <= port < 1 << 16:
            raise ConfigError(f"Expected a port from 0 to 65535, got {port}: leave --port out.")
        try:
            super().__init__((HOST, port), Handler)
        except OSError as error:
            raise ConfigError(
                f"Expected a free port on {HOST}, but {port} is not ({error.strerror}): leave --port out."
            ) from error
        self.token = secrets.token_urlsafe(32)
        self.jobs = jobs if jobs is not None else JobQueue(folder)
        self.uploads: dict[str, Path] = {}
        self.signatures = Signatures(self.token)
        self.upload_folder = owned.make(self.jobs.folder / f"{UPLOADS}{secrets.token_hex(6)}")
        self.lock = threading.Lock()
        self.requests, self.new_jobs, self.failures = Rate(50, 200), Rate(0.5, 10), Rate(0.5, 10)
        self.connections = Connections(MAX_CONNECTIONS)
        self.last_request = time.monotonic()

    @property
    def port(self) -> int:
        return self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self.connections.begin(request):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.connections.end(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # such as a client that has left
            super().handle_error(request, client_address)

    def keep_upload(self, name: str, write: Any) -> str:
        """Store a file under a new id; `write` is given its path."""
        key = secrets.token_urlsafe(12)
        path = self.upload_folder / key / name
        path.parent.mkdir(mode=0o700)
        try:
            write(path)
        except BaseException:
            shutil.rmtree(path.parent, ignore_errors=True)
            raise
        with self.lock:
            self.uploads[key] = path
            while len(self.uploads) > MAX_UPLOADS:
                oldest = next(iter(self.uploads))
                shutil.rmtree(self.uploads.pop(oldest).parent, ignore_errors=True)
        return key

    def close(self) -> None:
        """Stop all jobs and let go of the port."""
        self.jobs.close()
        self.server_close()
        owned.remove(self.upload_folder)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Service
    timeout = ANSWER_SECONDS
    server_version, sys_version = "editor3d", ""
    _ends_service = False
    _signed: Signed | None = None
    """The request's signature, once it has been checked."""

    def setup(self) -> None:
        super().setup()
        self._reader = TimedReader(self.connection, HEAD_SECONDS)
        self.rfile = io.BufferedReader(self._reader)

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self, method: str) -> None:
        try:
            self._admit()
            result = self._route(method)
        except Refusal as refusal:
            self._send_json(refusal.status, {"error": str(refusal)})
        except Editor3DError as error:
            self._send_json(400, {"error": str(error)})
        except OSError as error:  # such as a full disk
            self._send_json(500, {"error": f"The service cannot do that: {error.strerror or error}."})
        else:
            if isinstance(result, Path):
                self._send_file(result)
            elif isinstance(result, bytes):
                self._send(200, "image/x-portable-pixmap", result)
            else:
                self._send_json(200, result)
        if self._ends_service:  # after the answer is sent
            threading.Thread(target=self.server.shutdown, daemon=True).start()

    def _admit(self) -> None:
        """Refuse whoever is not a client of this user on this machine."""
        host = self.headers.get("Host", "")
        if host not in (f"{HOST}:{self.server.port}", f"localhost:{self.server.port}"):
            raise Refusal(403, "The service answers only to its own address.")
        if self.headers.get("Origin") is not None or self.headers.get("Sec-Fetch-Site", "none") != "none":
            raise Refusal(403, "The service does not answer to web pages.")
        given = Signed.read(self.headers.get("Authorization", ""))
        if not self.server.signatures.accepts(given, self.command, self.path, host):
            if not self.server.failures.take():
                raise Refusal(429, "Too many wrong signatures: wait.")
            raise Refusal(401, "The signature is wrong: sign with the token of the service's state file.")
        self._signed = given
        self.server.connections.proved(self.connection)
        if not self.server.requests.take():
            raise Refusal(429, "Too many requests: wait.")
        self.server.last_request = time.monotonic()

    def _route(self, method: str) -> Any:
        parts = [unquote(part) for part in urlsplit(self.path).path.split("/") if part]
        jobs = self.server.jobs
        match (method, *parts):
            case ("GET", "v1", "health"):
                return health(self.server)
            case ("POST", "v1", "uploads"):
                return {"upload": self._take_upload()}
            case ("POST", "v1", "jobs"):
                with self.server.lock:
                    uploads = dict(self.server.uploads)
                request = parse_request(self._read_json(), uploads)
                if not self.server.new_jobs.take():  # only jobs that can be done count
                    raise Refusal(429, "Too many new jobs: wait a few seconds.")
                return jobs.submit(request).snapshot()
            case ("GET", "v1", "jobs"):
                return {"jobs": [job.snapshot() for job in jobs.all()]}
            case ("GET", "v1", "jobs", name):
                return self._job(name).snapshot()
            case ("POST", "v1", "jobs", name, "cancel"):
                job = self._job(name)
                jobs.cancel(job)
                return job.snapshot()
            case ("DELETE", "v1", "jobs", name):
                jobs.remove(self._job(name))
                return {}
            case ("GET", "v1", "jobs", name, "picture"):
                found = self._job(name).told.picture
                if found is None:
                    raise Refusal(404, "There is no picture yet.")
                return self._sized(found[0])
            case ("GET", "v1", "jobs", name, "files", *path) if path:
                return self._sized(self._result(self._job(name), "/".join(path)))
            case ("POST", "v1", "shutdown"):
                self._ends_service = True
                return {}
        raise Refusal(404, "There is nothing here.")

    def _job(self, name: str) -> Job:
        job = self.server.jobs.get(name)
        if job is None:
            raise Refusal(404, "There is no such job.")
        return job

    def _result(self, job: Job, name: str) -> Path:
        if name not in job.files():  # only names that the job itself lists: no path leads out of its folder
            raise Refusal(404, "The job has no such file.")
        return job.places.result / name

    def _sized(self, path: Path) -> Path | bytes:
        """The file, or where `side` is given its picture scaled down."""
        text = self._query("side")
        if text is None:
            return path
        side = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
        if not 1 <= side <= MAX_SIDE:
            raise Refusal(400, f"Expected a side from 1 to {MAX_SIDE}.")
        return small_picture(path, side)

    def _query(self, name: str) -> str | None:
        """The first value of a name after the question mark; None where it is not given."""
        return parse_qs(urlsplit(self.path).query, keep_blank_values=True).get(name, [None])[0]

    def _length(self, limit: int) -> int:
        if self.headers.get("Transfer-Encoding"):
            raise Refusal(411, "Say the length of what is sent.")
        text = self.headers.get("Content-Length", "")
        if not text.isascii() or not text.isdigit():
            raise Refusal(411, "Say the length of what is sent.")
        if len(text) > 18 or int(text) > limit:
            raise Refusal(413, f"Expected at most {limit} bytes.")
        self._reader.allow(BODY_SECONDS + int(text) / BODY_RATE)
        return int(text)

    def _require_digest(self, digest: str) -> None:
        """Refuse a body that is not the one that was signed."""
        if self._signed is None or digest != self._signed.digest:
            raise Refusal(401, "The body is not the one that was signed.")

    def _read_json(self) -> Any:
        if self.headers.get_content_type() != "application/json":
            raise Refusal(415, "Expected application/json.")
        body = self.rfile.read(self._length(MAX_JSON))
        self._require_digest(hashlib.sha256(body).hexdigest())
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Refusal(400, f"Expected JSON ({error}).") from error

    def _take_upload(self) -> str:
        name = self._query("name") or ""
        if not _UPLOAD_NAME.fullmatch(name):
            raise Refusal(400, "Expected a plain file name of letters, digits, dots and dashes.")
        length = self._length(MAX_UPLOAD)
        if shutil.disk_usage(self.server.upload_folder).free < 2 * length:
            raise Refusal(507, "The disk is full: free some space.")

        def write(path: Path) -> None:
            left, digest = length, hashlib.sha256()
            with path.open("wb") as file:
                while left:
                    block = self.rfile.read(min(left, 1 << 20))
                    if not block:
                        raise Refusal(400, "The file ended early.")
                    file.write(block)
                    digest.update(block)
                    left -= len(block)
            self._require_digest(digest.hexdigest())

        return self.server.keep_upload(name, write)

    def _send_json(self, status: int, body: Any) -> None:
        self._send(status, "application/json", json.dumps(body, allow_nan=False).encode())

    def _send(self, status: int, kind: str, data: bytes) -> None:
        self._head(status, kind, len(data))
        self.wfile.write(data)

    def _send_file(self, path: Path) -> None:
        try:
            file = path.open("rb")
        except OSError:
            self._send_json(404, {"error": "The file is gone."})
            return
        with file:
            self._head(200, "application/octet-stream", os.fstat(file.fileno()).st_size)
            shutil.copyfileobj(file, self.wfile, 1 << 20)

    def _head(self, status: int, kind: str, length: int) -> None:
        self.send_response(status)
        if self._signed is not None:
            self.send_header(PROOF, proof(self.server.token, self._signed.nonce, status))
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Connection", "close")
        self.end_headers()


def health(service: Service) -> dict[str, Any]:
    """What the service is, and what can be chosen."""
    from editor3d.cli import COMMANDS
    from editor3d.editors import editor_names
    from editor3d.host.versions import package_version
    from editor3d.plugin.train.presets import preset_names

    kinds = [kind for kind in KINDS if kind != "refine" or "refine" in COMMANDS]
    return {
        "name": "editor3d",
        "version": package_version(),
        "protocol": PROTOCOL,
        "kinds": kinds,
        "editors": ["auto", *editor_names()],
        "presets": list(preset_names()),
        "busy": service.jobs.busy,
    }
