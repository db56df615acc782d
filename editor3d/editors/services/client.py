"""Send one request to a model's service: time limits, retries, and errors without secrets."""

from __future__ import annotations

import base64
import binascii
import json
import queue
import random
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from PIL import Image

from editor3d.editors.services.secrets import masked
from editor3d.errors import ServiceError
from editor3d.files.safe_open import UNREADABLE, open_picture

T = TypeVar("T")
File = tuple[str, bytes, str]
"""Name, content and type of a file that is sent."""
_MOST_BYTES = 128 * 2**20
_MOST_PIXELS = 1 << 26
"""Of a picture in an answer."""
_ENCODINGS = ("", "identity", "gzip", "deflate")
"""How an answer may be packed: a part of it then unpacks to a thousand times its size at most."""
_NOT_THE_PROTOCOL = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What reading an answer raises that is not what the protocol says."""
_AGAIN = frozenset([408, 409, 425, 429])
"""Refusals that may pass; those of 500 and more do too."""
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


class _Failed(Exception):  # noqa: N818 - not an error of ours but one attempt's outcome
    """One attempt that gave no picture."""

    def __init__(self, reason: str, *, again: bool, charged: bool, wait: float | None = None) -> None:
        super().__init__(reason)
        self.again, self.charged, self.wait = again, charged, wait


class ServiceClient:
    """Posts requests to one address."""

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
        """
        self._url, self._key, self._retry = url, key, retry
        self._pay, self._refund, self._sleep = pay, refund, sleep
        self._time_left, self._wanted = time_left, wanted
        self._most_bytes = most_bytes or _MOST_BYTES
        self._host = urlsplit(url).hostname or url

    def edit(self, fields: Mapping[str, str], files: Mapping[str, File | Sequence[File]]) -> Image.Image:
        """Post one edit, again and again where that may help.

        Args:
            fields: of the form.
            files: of the form: name, content and type of each, or several under one key.

        Returns:
            The first picture of the answer, RGB.

        Raises:
            ServiceError: refused, not answered well in all attempts, or not allowed by `pay`.
        """
        parts = [(key, one) for key, given in files.items() for one in (given if isinstance(given, list) else [given])]
        return self.post(self._picture, data=dict(fields), files=parts)

    def post(self, read: Callable[[bytes], T], **request: Any) -> T:
        """Post one request, again and again where that may help.

        Args:
            read: makes the result of the answer's body; `ValueError`, `LookupError` and the like say that the body is
                not what the protocol says.
            request: what `httpx` takes: `data` and `files` of a form, or `json`.

        Raises:
            ServiceError: refused, not answered well in all attempts, or not allowed by `pay`.
        """
        for attempt in range(1, self._retry.attempts + 1):
            self._pay()
            try:
                return self._attempt(read, request)
            except _Failed as failure:
                reason, again, wait = self._public(str(failure)), failure.again, failure.wait
                if not failure.charged:
                    self._refund()
            if not again:
                requested = "edit" if self._wanted == "picture" else "request"
                raise ServiceError(f"The service {self._host} refused the {requested}: {reason}.")
            if attempt < self._retry.attempts:
                self._sleep(self._waiting_time(attempt, wait))
        raise ServiceError(
            f"The service {self._host} gave no {self._wanted} in {self._retry.attempts} attempts; the last time: "
            f"{reason}. Try again later: what was made so far is kept."
        )

    def _waiting_time(self, attempt: int, wanted: float | None) -> float:
        backoff = min(self._retry.longest_wait, self._retry.first_wait * 2.0 ** (attempt - 1))
        backoff *= 1.0 - 0.5 * random.Random().random()
        return max(wanted, backoff) if wanted is not None else backoff

    def _attempt(self, read: Callable[[bytes], T], request: Mapping[str, Any]) -> T:
        headers = {"Accept-Encoding": "gzip, deflate"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        status, given, body = self._exchange("POST", self._url, headers=headers, **request)
        if status != 200:
            raise self._refusal(status, given, body)
        try:
            return read(body)
        except _NOT_THE_PROTOCOL:
            raise _Failed("its answer is not what the protocol says", again=True, charged=True) from None

    def _picture(self, body: bytes) -> Image.Image:
        first = json.loads(body)["data"][0]
        encoded, address = first.get("b64_json"), first.get("url")
        return _decoded(encoded) if encoded else self._fetched(str(address))

    def _fetched(self, address: str) -> Image.Image:
        """The picture at an address that the answer names. The key is not sent there."""
        if address.startswith("data:image/"):
            return _decoded(address.partition(",")[2])
        if urlsplit(address).scheme not in ("http", "https"):
            raise _Failed("its answer holds neither a picture nor the address of one", again=True, charged=True)
        try:
            status, _, body = self._exchange("GET", address, headers={"Accept-Encoding": "gzip, deflate"})
        except _Failed as failure:  # the edit itself was made, whatever became of its picture
            raise _Failed(str(failure), again=failure.again, charged=True) from None
        if status != 200:
            raise _Failed(f"its picture could not be fetched (status {status})", again=True, charged=True)
        return _opened(body)

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
            raise _Failed("it took too long", again=True, charged=True) from None
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
                    raise _Failed("its answer is packed in a way that was not requested", again=False, charged=True)
                for chunk in response.iter_bytes():
                    body += chunk
                    if time.monotonic() > due:
                        raise _Failed("it took too long", again=True, charged=True)
                    if len(body) > self._most_bytes:
                        raise _Failed("its answer is too large", again=False, charged=True)
                return response.status_code, response.headers, bytes(body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _Failed(f"it cannot be reached ({error})", again=True, charged=False) from None
        except httpx.TimeoutException:
            raise _Failed("it fell silent", again=True, charged=True) from None
        except (httpx.DecodingError, httpx.InvalidURL):
            raise _Failed("its answer is not what the protocol says", again=True, charged=True) from None
        except httpx.TransportError as error:
            raise _Failed(f"the connection broke ({error})", again=True, charged=True) from None

    def _refusal(self, status: int, headers: httpx.Headers, body: bytes) -> _Failed:
        try:
            error = json.loads(body)["error"]
            message, code = str(error["message"]), str(error.get("code"))
        except _NOT_THE_PROTOCOL:
            message, code = body[:300].decode("utf-8", "replace"), ""
        wait = retry_after(headers.get("retry-after"))
        patient = wait is None or wait <= self._retry.longest_retry_after
        again = (status in _AGAIN or status >= 500) and code not in _FINAL_CODES and patient
        if not patient:
            message = f"it asks for a pause of {wait:.0f} seconds; {message}"
        return _Failed(f"status {status}: {message}", again=again, charged=status >= 500, wait=wait)

    def _public(self, text: str) -> str:
        """A text without the key, in one line."""
        return " ".join(masked(text, self._key).split())[:300].rstrip(".")


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    """Reading them takes longer than a short request does."""
    return httpx.create_ssl_context()


def retry_after(value: str | None) -> float | None:
    """Seconds that a `Retry-After` header asks for, as a number or a date; None where it says nothing usable."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return max(0.0, seconds) if seconds == seconds else None


def _decoded(encoded: str) -> Image.Image:
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise _Failed("its picture is broken", again=True, charged=True) from None
    return _opened(content)


def _opened(content: bytes) -> Image.Image:
    """A whole PNG, JPEG or WebP picture, RGB."""
    try:
        with open_picture(content, ("PNG", "JPEG", "WEBP"), _MOST_PIXELS) as picture:
            return picture.convert("RGB")
    except UNREADABLE:
        raise _Failed("its picture is broken", again=True, charged=True) from None
