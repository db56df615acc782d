"""What answers of a service mean: a picture, a refusal, or neither."""

from __future__ import annotations

import base64
import binascii
import time
from email.utils import parsedate_to_datetime
from typing import Any

from PIL import Image

from editor3d.errors import ServiceError
from editor3d.files.safe_open import UNREADABLE, open_picture

_MOST_PIXELS = 1 << 26
"""Of a picture in an answer."""


class Failed(Exception):  # noqa: N818 - not an error of ours but one attempt's outcome
    """One attempt that gave no picture."""

    def __init__(
        self, reason: str, *, again: bool, charged: bool, wait: float | None = None, gone: bool = False
    ) -> None:
        super().__init__(reason)
        self.again, self.charged, self.wait, self.gone = again, charged, wait, gone


class Refused(Exception):  # noqa: N818 - as `Failed`
    """An answer in the protocol's own words that there is no picture, raised by what reads answers."""

    def __init__(self, reason: str, *, again: bool = False, charged: bool = False) -> None:
        """
        Args:
            reason: why, in the service's words.
            again: asking again may help.
            charged: the service may charge for it all the same.
        """
        super().__init__(reason)
        self.again, self.charged = again, charged


class EditRefused(ServiceError):
    """The job of an edit is no more, or came to an end without a picture: asking for it again is of no use."""


def said_in(answer: Any) -> tuple[str, str]:
    """The message and the code of a refusal, in the forms that services give it."""
    error = answer.get("error", answer)
    if isinstance(error, str):
        return error, ""
    message = error.get("message") or error.get("detail") or error.get("title")
    if not message:
        raise ValueError("no message")
    for node in (answer.get("node_errors") or {}).values():  # ComfyUI says by node what is wrong with a workflow
        message = f"{message}: {node['errors'][0]['message']} ({node['errors'][0]['details']})"
        break
    return str(message), str(error.get("code") or error.get("status"))


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


def decoded(encoded: str) -> Image.Image:
    """The picture in base 64, RGB."""
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise Failed("its picture is broken", again=True, charged=True) from None
    return opened(content)


def opened(content: bytes) -> Image.Image:
    """A whole PNG, JPEG or WebP picture, RGB."""
    try:
        with open_picture(content, ("PNG", "JPEG", "WEBP"), _MOST_PIXELS) as picture:
            return picture.convert("RGB")
    except UNREADABLE:
        raise Failed("its picture is broken", again=True, charged=True) from None
