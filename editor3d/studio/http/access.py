"""Let the studio's own page in, and nobody else: no other web page, and no program that does not know the token."""

from __future__ import annotations

import hmac
import time
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from editor3d.service.http.answers import problem
from editor3d.service.http.limits import Rate
from editor3d.studio.http.studio import Studio

API = "/studio/"
SESSION = "/studio/session"
"""Where the token is changed for a cookie."""
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src blob:; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""WebGL needs what it allows besides the studio's own files: Spark sorts splats by WebAssembly, which the page compiles
from its own bundle, in a worker that it makes of its own text. No text can be run as JavaScript."""
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


class OwnPage:
    """Middleware: answers its own page alone, under a policy that lets the page load nothing from elsewhere.

    A request needs the Host of the studio; where a browser says from which page it comes, that has to be the studio's
    own. All that tells or changes something needs the cookie. Pages of other ports of this machine belong to the same
    site, and so get the cookie sent along: the browser's word for them, same-site, is refused.
    """

    def __init__(self, app: ASGIApp, studio: Studio) -> None:
        self._app, self._studio = app, studio
        self._hosts = {f"{name}:{studio.service.port}" for name in ("127.0.0.1", "localhost")}
        self._requests = Rate(200, 400)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        studio, headers, path = self._studio, Headers(scope=scope), scope["path"]

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        host, origin = headers.get("Host", ""), headers.get("Origin")
        site = headers.get("Sec-Fetch-Site")
        own = {"same-origin"} if path.startswith(API) else {"same-origin", "none", "cross-site", "same-site"}
        if host not in self._hosts:
            refusal = problem(403, "The studio answers only to its own address.")
        elif origin is not None and origin != f"http://{host}":
            refusal = problem(403, "The studio does not answer to other web pages.")
        elif site is None and path.startswith(API) and origin is None and scope["method"] != "GET":
            refusal = problem(403, "The studio takes changes from its own page alone.")
        elif site is not None and site not in own:
            refusal = problem(403, "The studio does not answer to other web pages.")
        elif path.startswith(API) and path != SESSION and not self._known(headers):
            refusal = problem(401, "This page is not let in: open it by the address that editor3d studio printed.")
        elif not self._requests.take():
            refusal = problem(429, "Too many requests: wait.")
        else:
            if path.startswith(API) and path != SESSION:
                studio.service.connections.proved(scope["client"])
                studio.service.last_request = time.monotonic()
            await self._app(scope, receive, answer)
            return
        await refusal(scope, receive, answer)

    def _known(self, headers: Headers) -> bool:
        try:
            found = SimpleCookie(headers.get("Cookie", "")).get(self._studio.cookie)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(found.value.encode(), self._studio.secret.encode())
