"""Who may speak to the service: programs of this user on this machine, which know the token."""

from __future__ import annotations

import hashlib
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from editor3d.service.http.answers import Refusal, problem
from editor3d.service.http.service import HOST, Service
from editor3d.service.http.signing import PROOF, Signed, proof


class OwnAddress:
    """Middleware: refuses requests that were meant for another host, or that web pages sent, whatever they know."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._hosts = {f"{name}:{service.port}" for name in (HOST, "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if headers.get("Host", "") not in self._hosts:
            refusal = problem(403, "The service answers only to its own address.")
        elif "Origin" in headers or headers.get("Sec-Fetch-Site", "none") != "none":
            refusal = problem(403, "The service does not answer to web pages.")
        else:
            await self._app(scope, receive, send)
            return
        await refusal(scope, receive, send)


class SignedRequests:
    """Middleware: lets signed requests pass, at the pace that is allowed, and signs the answers to them."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        service, headers = self._service, Headers(scope=scope)
        given = Signed.read(headers.get("Authorization", ""))
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        accepted = service.signatures.accepts(given, scope["method"], target.decode("ascii"), headers.get("Host", ""))
        if given is None or not accepted:
            if service.failures.take():
                refusal = problem(401, "The signature is wrong: sign with the token of the service's state file.")
            else:
                refusal = problem(429, "Too many wrong signatures: wait.")
            await refusal(scope, receive, send)
            return
        service.connections.proved(scope["client"])

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[PROOF] = proof(service.token, given.nonce, message["status"])
            await send(message)

        if not service.requests.take():
            await problem(429, "Too many requests: wait.")(scope, receive, answer)
            return
        service.last_request = time.monotonic()
        await self._app(scope, _SignedBody(receive, given.digest), answer)


class _SignedBody:
    """A body that is taken only as the one that was signed."""

    def __init__(self, receive: Receive, digest: str) -> None:
        self._receive, self._expected = receive, digest
        self._found, self._whole = hashlib.sha256(), False

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request" and not self._whole:
            self._found.update(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if self._whole and self._found.hexdigest() != self._expected:
                raise Refusal(401, "The body is not the one that was signed.")
        return message
