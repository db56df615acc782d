"""What a protocol is given, and what all of them use."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from PIL import Image

from editor3d.editors.services.client import File, ServiceClient


@dataclass(frozen=True)
class Order:
    """One edit that a service is to make."""

    url: str
    """The service's base URL."""
    model: str
    prompt: str
    pictures: tuple[File, ...]
    """PNG: the picture to edit first, then references."""
    mask: File | None
    """PNG with alpha, transparent where the picture may change."""
    size: tuple[int, int] | None
    """Height and width that the answer should have; None leaves it to the service."""
    seed: int
    extra: Mapping[str, str]
    """Further fields by the service's own names, such as `quality`."""


class Pending(Protocol):
    """Where it is noted which job of a service makes an edit: a killed run asks for it, and pays nothing again."""

    def load(self) -> dict[str, Any] | None: ...

    def save(self, job: Mapping[str, Any]) -> None: ...

    def clear(self) -> None: ...


class ImageProtocol(Protocol):
    """How a service is spoken to."""

    def edit(self, client: ServiceClient, order: Order, pending: Pending) -> Image.Image:
        """Have one edit made.

        Returns:
            The edited picture, RGB, of any size.

        Raises:
            ServiceError: refused, not answered well in all attempts, or not paid for.
        """
        ...


def base64_of(file: File) -> str:
    """The content of a file in base 64."""
    return base64.b64encode(file[1]).decode()


def data_url(file: File) -> str:
    """A file as an address that holds it."""
    return f"data:{file[2]};base64,{base64_of(file)}"


def nearest_ratio(size: tuple[int, int], ratios: Sequence[str]) -> str:
    """The ratio WIDTH:HEIGHT that is nearest to a size (height, width)."""

    def off(ratio: str) -> float:
        width, height = map(int, ratio.split(":"))
        return abs(math.log((width / height) / (size[1] / size[0])))

    return min(ratios, key=off)


def same_service(base: str) -> Callable[[str], bool]:
    """Whether an address that an answer names belongs to the service, so that the key may be sent there.

    It does where it has the same scheme, host and port, or where both are https and the host lies in the same domain:
    services answer with addresses of their regions.
    """
    own = urlsplit(base)

    def belongs(address: str) -> bool:
        try:
            other = urlsplit(address)
            if (other.scheme, other.hostname, other.port) == (own.scheme, own.hostname, own.port):
                return True
        except ValueError:
            return False
        if (own.scheme, other.scheme) != ("https", "https") or own.hostname is None or other.hostname is None:
            return False
        domain = own.hostname.split(".")[-2:]
        plain = len(domain) == 2 and not domain[-1].isdigit() and len("".join(domain)) > 4
        return plain and other.port in (None, 443) and other.hostname.split(".")[-2:] == domain

    return belongs
