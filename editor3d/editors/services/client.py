"""Send one request to a model's service: time limits, retries, and errors without secrets."""

from __future__ import annotations

import json
import queue
import random
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from PIL import Image

from editor3d.editors.services.answers import EditRefused, Failed, Refused, decoded, opened, retry_after, said_in
from editor3d.editors.services.secrets import masked
from editor3d.errors import ServiceError

T = TypeVar("T")
File = tuple[str, bytes, str]
"""Name, content and type of a file that is sent."""
BEARER = ("Authorization", "Bearer ")
"""How most services take the key."""
_MOST_BYTES = 128 * 2**20
_ENCODINGS = ("", "identity", "gzip", "deflate")
"""How an answer may be packed: a part of it then unpacks to a thousand times its size at most."""
_NOT_THE_PROTOCOL = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What reading an answer raises that is not what the protocol says."""
_AGAIN = frozenset([408, 409, 425, 429])
"""Refusals that may pass; those of 500 and more do too."""
_GONE = (404, 410)
"""Of a job: it is no more."""
_FINAL_CODES = frozenset(["insufficient_quota", "billing_hard_limit_reached"])
"""Reasons that some services give with status 429 and that waiting does not cure."""


@dataclass(frozen=True)
class RetryPolicy:
    """Time limits and repetitions. All times in seconds."""

    attempts: int = 6
    first_wait: float = 1.0
    """Before the second attempt; doubles each time, and each is shortened at random by up to a half."""
    longest_wait: float = 60.0
    longest_retry_after: float = 600.0
    """A service that asks for a longer pause gets no further request."""
    connect: float = 10.0
    silence: float = 120.0
    """The longest time in which no byte may come: the service paints meanwhile."""
    deadline: float = 300.0
    """The longest time from the request to the last byte."""
    first_look: float = 1.0
    """Before a queue is asked for the second time how a job stands; half as much more each time."""
    longest_look: float = 10.0
    longest_job: float = 900.0
    """A job of a queue that takes longer is given up for now."""


class _JobFailed(Exception):  # noqa: N818
    """A job of a queue came to an end without a picture."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(str(refused))
        self.refused = refused


class ServiceClient:
    """Sends requests to one service."""

    def __init__(
        self,
        url: str,
        key: str,
        retry: RetryPolicy,
        *,
        pay: Callable[[], None] = lambda: None,
        refund: Callable[[], None] = lambda: None,
        sleep: Callable[[float], None] = time.sleep,
        time_left: Callable[[], float | None] = lambda: None,
        wanted: str = "picture",
        most_bytes: int | None = None,
        header: tuple[str, str] = BEARER,
        trusted: Callable[[str], bool] | None = None,
    ) -> None:
        """Remember whom to ask; nothing is sent.

        Args:
            url: of the requests themselves.
            key: sent as bearer token to that address only; empty sends none.
            retry: time limits and repetitions.
            pay: called before each attempt; may refuse it by `ServiceError`.
            refund: called after an attempt that the service certainly did not charge for.
            sleep: waits a number of seconds.
            time_left: seconds that an attempt may take where those are fewer than the time limits; None is no limit.
            wanted: what is requested, for error texts.
            most_bytes: of an answer, unpacked; 128 MiB by default.
            header: the name of the header that carries the key, and what stands before it there.
            trusted: whether the key may be sent to an address besides `url`.
        """
        self._url, self._key, self._retry = url, key, retry
        self._pay, self._refund, self._sleep = pay, refund, sleep
        self._time_left, self._wanted = time_left, wanted
        self._most_bytes = most_bytes or _MOST_BYTES
        self._header, self._trusted = header, trusted or (lambda address: False)
        self._host = urlsplit(url).hostname or url

    def post(self, read: Callable[[bytes], T], **request: Any) -> T:
        """Post one request, again and again where that may help.

        Args:
            read: makes the result of the answer's body; `ValueError`, `LookupError` and the like say that the body is
                not what the protocol says.
            request: what `httpx` takes: `data` and `files` of a form, or `json`.

        Raises:
            ServiceError: refused, not answered well in all attempts, or not allowed by `pay`.
        """
        return self.call("POST", self._url, read, **request)

    def call(
        self,
        method: str,
        address: str,
        read: Callable[[bytes], T],
        *,
        paid: bool = True,
        with_key: bool = True,
        **request: Any,
    ) -> T:
        """Send one request, again and again where that may help.

        Args:
            address: where to; the key goes along where that is the service's own.
            read: as `post` takes it; it may raise `Refused` besides.
            paid: the service charges for it.
            with_key: False sends the key nowhere.

        Raises:
            ServiceError: as `post`.
        """
        for attempt in range(1, self._retry.attempts + 1):
            if paid:
                self._pay()
            try:
                return self._attempt(method, address, read, with_key, request)
            except Failed as failure:
                reason, again, wait, gone = self._public(str(failure)), failure.again, failure.wait, failure.gone
                if paid and not failure.charged:
                    self._refund()
            if not again:
                requested = "edit" if self._wanted == "picture" else "request"
                kind = EditRefused if gone else ServiceError
                raise kind(f"The service {self._host} refused the {requested}: {reason}.")
            if attempt < self._retry.attempts:
                self._sleep(self._waiting_time(attempt, wait))
        raise ServiceError(
            f"The service {self._host} gave no {self._wanted} in {self._retry.attempts} attempts; the last time: "
            f"{reason}. Try again later: what was made so far is kept."
        )

    def wait(self, method: str, address: str, read: Callable[[bytes], T | None]) -> T:
        """Ask a queue how a job stands until it is done; these requests cost nothing, the job is paid for already.

        Args:
            read: makes the result of an answer, or None while the job is at work. A `Refused` of its that is not
                charged takes the payment back.

        Raises:
            ServiceError: the job failed, or is not done in time: it may be asked for again later.
        """
        due = time.monotonic() + self._retry.longest_job
        pause = self._retry.first_look
        while True:
            try:
                found = self.call(method, address, _kept(read), paid=False)
            except _JobFailed as failure:
                if not failure.refused.charged:
                    self._refund()
                reason = self._public(str(failure.refused))
                raise EditRefused(f"The service {self._host} refused the edit: {reason}.") from None
            if found is not None:
                return found
            if time.monotonic() + pause > due:
                raise ServiceError(
                    f"The service {self._host} has not finished the edit within {self._retry.longest_job:.0f} seconds: "
                    "resume later, which asks for the same edit and pays nothing again."
                )
            self._sleep(pause)
            pause = min(1.5 * pause, self._retry.longest_look)

    def at(self, address: str) -> Image.Image:
        """The picture at an address that an answer names, which is paid for. The key is not sent there.

        Raises:
            ServiceError: it cannot be fetched.
        """
        if address.startswith("data:image/"):
            return decoded(address.partition(",")[2])
        if urlsplit(address).scheme not in ("http", "https"):
            raise ValueError("neither a picture nor the address of one")
        return self.call("GET", address, opened, paid=False, with_key=False)

    def picture(self, answer: bytes) -> Image.Image:
        """The first picture of an answer in OpenAI's form, RGB."""
        first = json.loads(answer)["data"][0]
        encoded, address = first.get("b64_json"), first.get("url")
        return decoded(encoded) if encoded else self._fetched(str(address))

    def _waiting_time(self, attempt: int, wanted: float | None) -> float:
        backoff = min(self._retry.longest_wait, self._retry.first_wait * 2.0 ** (attempt - 1))
        backoff *= 1.0 - 0.5 * random.Random().random()
        return max(wanted, backoff) if wanted is not None else backoff

    def _attempt(
        self, method: str, address: str, read: Callable[[bytes], T], with_key: bool, request: Mapping[str, Any]
    ) -> T:
        headers = {"Accept-Encoding": "gzip, deflate"}
        own = address == self._url or address.startswith(f"{self._url.rstrip('/')}/") or self._trusted(address)
        if self._key and with_key and own:
            headers[self._header[0]] = f"{self._header[1]}{self._key}"
        status, given, body = self._exchange(method, address, headers=headers, **request)
        if not 200 <= status < 300:
            raise self._refusal(status, given, body)
        try:
            return read(body)
        except Refused as refused:
            raise Failed(str(refused), again=refused.again, charged=refused.charged) from None
        except _NOT_THE_PROTOCOL:
            raise Failed("its answer is not what the protocol says", again=True, charged=True) from None

    def _fetched(self, address: str) -> Image.Image:
        """The picture at an address that the answer names. The key is not sent there."""
        if address.startswith("data:image/"):
            return decoded(address.partition(",")[2])
        if urlsplit(address).scheme not in ("http", "https"):
            raise Failed("its answer holds neither a picture nor the address of one", again=True, charged=True)
        try:
            status, _, body = self._exchange("GET", address, headers={"Accept-Encoding": "gzip, deflate"})
        except Failed as failure:  # the edit itself was made, whatever became of its picture
            raise Failed(str(failure), again=failure.again, charged=True) from None
        if status != 200:
            raise Failed(f"its picture could not be fetched (status {status})", again=True, charged=True)
        return opened(body)

    def _exchange(self, method: str, url: str, **request: Any) -> tuple[int, httpx.Headers, bytes]:
        """Status, headers and body of an answer that came in time.

        A thread of its own asks: a service that sends a byte now and then, before the body begins, passes every time
        limit of the library. It is left to itself when the time is over, and ends with the process at the latest.
        """
        left = self._time_left()
        deadline, silence, connect = (
            limit if left is None else max(0.01, min(limit, left))
            for limit in (self._retry.deadline, self._retry.silence, self._retry.connect)
        )
        due = time.monotonic() + deadline
        timeout = httpx.Timeout(silence, connect=connect)
        answers: queue.SimpleQueue[tuple[int, httpx.Headers, bytes] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self._received(method, url, timeout, due, request))
            except Exception as error:  # noqa: BLE001 - raised again by the thread that waits
                answers.put(error)

        threading.Thread(target=ask, daemon=True).start()
        try:
            answer = answers.get(timeout=deadline + 1.0)
        except queue.Empty:
            raise Failed("it took too long", again=True, charged=True) from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _received(
        self, method: str, url: str, timeout: httpx.Timeout, due: float, request: Mapping[str, Any]
    ) -> tuple[int, httpx.Headers, bytes]:
        """Status, headers and body of an answer."""
        body = bytearray()
        try:
            with (
                httpx.Client(verify=_certificates(), timeout=timeout, follow_redirects=False) as client,
                client.stream(method, url, **request) as response,
            ):
                if response.headers.get("content-encoding", "").strip().lower() not in _ENCODINGS:
                    raise Failed("its answer is packed in a way that was not requested", again=False, charged=True)
                for chunk in response.iter_bytes():
                    body += chunk
                    if time.monotonic() > due:
                        raise Failed("it took too long", again=True, charged=True)
                    if len(body) > self._most_bytes:
                        raise Failed("its answer is too large", again=False, charged=True)
                return response.status_code, response.headers, bytes(body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Failed(f"it cannot be reached ({error})", again=True, charged=False) from None
        except httpx.TimeoutException:
            raise Failed("it fell silent", again=True, charged=True) from None
        except (httpx.DecodingError, httpx.InvalidURL):
            raise Failed("its answer is not what the protocol says", again=True, charged=True) from None
        except httpx.TransportError as error:
            raise Failed(f"the connection broke ({error})", again=True, charged=True) from None

    def _refusal(self, status: int, headers: httpx.Headers, body: bytes) -> Failed:
        try:
            message, code = said_in(json.loads(body))
        except _NOT_THE_PROTOCOL:
            message, code = body[:300].decode("utf-8", "replace"), ""
        wait = retry_after(headers.get("retry-after"))
        patient = wait is None or wait <= self._retry.longest_retry_after
        again = (status in _AGAIN or status >= 500) and code not in _FINAL_CODES and patient
        if not patient:
            message = f"it asks for a pause of {wait:.0f} seconds; {message}"
        known = {"again": again, "charged": status >= 500, "wait": wait, "gone": status in _GONE}
        return Failed(f"status {status}: {message}", **known)

    def _public(self, text: str) -> str:
        """A text without the key, in one line."""
        return " ".join(masked(text, self._key).split())[:300].rstrip(".")


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    """Reading them takes longer than a short request does."""
    return httpx.create_ssl_context()


def _kept(read: Callable[[bytes], T]) -> Callable[[bytes], T]:
    """The same, a failed job told apart from a failed request."""

    def call(answer: bytes) -> T:
        try:
            return read(answer)
        except Refused as refused:
            raise _JobFailed(refused) from None

    return call
