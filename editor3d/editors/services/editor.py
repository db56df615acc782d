"""Image-edit services that speak OpenAI's protocol (`POST …/images/edits`): sizes, masks, cache, and the cost cap."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from editor3d.diffusion.sizing import mask_resized, padded_to, resized
from editor3d.editors import EDITORS
from editor3d.editors.references import prompt_with, references_for, without_holes
from editor3d.editors.services.client import File, RetryPolicy, ServiceClient
from editor3d.editors.services.ledger import Ledger
from editor3d.errors import ConfigError, EditorUnavailableError, InstructionError, ServiceError
from editor3d.files.safe_open import UNREADABLE, open_picture
from editor3d.files.writing import replacing
from editor3d.types import EditorInfo, EditRequest

OPENAI_URL = "https://api.openai.com/v1"
_CACHE_VERSION = 1


@dataclass(frozen=True)
class ServiceSettings:
    """Where the service is and what may be spent. `from_environment` reads them."""

    url: str = OPENAI_URL
    """Base URL, to which `/images/edits` is added."""
    model: str = "gpt-image-1"
    sizes: tuple[tuple[int, int], ...] = ((1024, 1024), (1024, 1536), (1536, 1024))
    """Heights and widths that the service works at; empty: the picture's own."""
    price: float = 0.25
    """US dollars that a request is taken to cost, unless the service certainly did not serve it."""
    budget: float = 10.0
    """US dollars that may be spent within 24 hours."""
    references: int = 2
    """How many pictures are sent beside the one to edit, at most."""
    folder: Path = field(default_factory=lambda: _cache_folder())
    """Where answers and the record of what was spent are kept."""
    retry: RetryPolicy = RetryPolicy()
    key: str = field(default="", repr=False)
    """Sent to the service, and to nothing else."""

    @classmethod
    def from_environment(cls, argument: str = "") -> ServiceSettings:
        """Read `EDITOR3D_SERVICE_URL`, `_MODEL`, `_SIZES`, `_PRICE`, `_BUDGET`, `_REFERENCES`, `_CACHE` and `_KEY`.

        Args:
            argument: `URL` or `URL#MODEL`, which go before the environment's.

        Raises:
            ConfigError: a value is not what it should be.
        """
        url, _, model = argument.partition("#")
        url = _checked_url(url or os.environ.get("EDITOR3D_SERVICE_URL") or cls.url)
        # The key of OpenAI is for OpenAI: it is never sent to another address.
        theirs = os.environ.get("OPENAI_API_KEY", "") if urlsplit(url).hostname == urlsplit(OPENAI_URL).hostname else ""
        cache = os.environ.get("EDITOR3D_SERVICE_CACHE")
        return cls(
            url=url,
            model=model or os.environ.get("EDITOR3D_SERVICE_MODEL") or cls.model,
            sizes=_read("EDITOR3D_SERVICE_SIZES", _sizes, cls.sizes),
            price=_read("EDITOR3D_SERVICE_PRICE", _dollars, cls.price),
            budget=_read("EDITOR3D_SERVICE_BUDGET", _dollars, cls.budget),
            references=_read("EDITOR3D_SERVICE_REFERENCES", _few, cls.references),
            folder=Path(cache).expanduser() if cache else _cache_folder(),
            key=_checked_key((os.environ.get("EDITOR3D_SERVICE_KEY") or theirs).strip()),
        )


class ServiceEditor:
    """Sends each picture to a service once: the same pictures, instruction and mask are answered from the cache.

    Services draw no seeded noise, so that an edit cannot be repeated but by the cache; one edit of a view is final.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self._ledger = Ledger(settings.folder / "spent.jsonl", settings.budget)

    @property
    def info(self) -> EditorInfo:
        given = self.settings
        most = max((max(size) for size in given.sizes), default=None)
        return replace(EDITORS["service"].info, price=given.price, references=given.references, max_side=most)

    def validate(self, instruction: str, objects: Collection[str], views: Collection[str]) -> None:
        """Look for an instruction and for a key; asks nothing over the network.

        Raises:
            InstructionError: the instruction is empty.
            EditorUnavailableError: no key is set for a service that is not on this machine.
        """
        if not instruction.strip():
            raise InstructionError("The instruction is empty; say what to change, for example 'turn it into a robot'.")
        host = urlsplit(self.settings.url).hostname
        if not self.settings.key and host not in ("localhost", "127.0.0.1", "::1"):
            raise EditorUnavailableError(
                f"The editor 'service' needs the key of {host}; set EDITOR3D_SERVICE_KEY to it, or OPENAI_API_KEY "
                "where the service is OpenAI's own."
            )

    def edit(self, request: EditRequest) -> Tensor:
        """Edit `request.condition`, inside `request.mask` where there is one.

        Returns:
            [H, W, 3] float32 in 0..1 on the condition's device; bit-equal to the condition outside the mask.

        Raises:
            ServiceError: the service refused, did not answer well in all attempts, or the budget is spent.
        """
        image = request.condition.detach().to("cpu", torch.float32)
        mask = None if request.mask is None else request.mask.detach().bool().cpu()
        height, width = image.shape[:2]
        size, inner = self._fit(height, width)
        picture = padded_to(resized(image, *inner), *size)
        files = self._pictures(request, _file("image.png", picture))
        if mask is not None:
            changed = padded_to(mask_resized(mask, *inner)[..., None].float(), *size)[..., 0] > 0.5
            files["mask"] = ("mask.png", _png(_mask_of(picture, changed)), "image/png")
        fields = {"model": self.settings.model, "prompt": self._prompt(request), "n": "1"}
        if self.settings.sizes:
            fields["size"] = f"{size[1]}x{size[0]}"
        answer = self._answer(fields, files, size)
        edited = torch.from_numpy(np.array(answer)).float() / 255.0
        edited = resized(resized(edited, *size)[: inner[0], : inner[1]], height, width)
        if mask is not None:
            edited = torch.where(mask[..., None], edited, image)
        return edited.to(request.condition.device)

    def _pictures(self, request: EditRequest, picture: File) -> dict[str, File | list[File]]:
        """The pictures of a form, by key."""
        shown = []
        for number, reference in enumerate(references_for(request, self.info), start=2):
            size, inner = self._fit(*reference.picture.shape[:2])
            filled = padded_to(resized(without_holes(reference), *inner), *size)
            shown.append(_file(f"image_{number}.png", filled))
        return {"image[]": [picture, *shown]} if shown else {"image": picture}

    def _prompt(self, request: EditRequest) -> str:
        """The prompt for the service."""
        return prompt_with(request.instruction, references_for(request, self.info))

    def _fit(self, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """The size that is sent, and how much of it from the top left the scaled picture takes."""
        if not self.settings.sizes:
            return (height, width), (height, width)
        size = min(self.settings.sizes, key=lambda s: abs(math.log((s[1] / s[0]) / (width / height))))
        scale = min(size[0] / height, size[1] / width)
        return size, (min(size[0], round(height * scale)) or 1, min(size[1], round(width * scale)) or 1)

    def _answer(
        self, fields: Mapping[str, str], files: Mapping[str, File | list[File]], size: tuple[int, int]
    ) -> Image.Image:
        """The edited picture in the shape of `size`, from the cache or the service."""
        digest = hashlib.sha256(json.dumps([_CACHE_VERSION, self.settings.url, fields], sort_keys=True).encode())
        for name, given in sorted(files.items()):
            for _, content, _ in given if isinstance(given, list) else [given]:
                digest.update(name.encode() + hashlib.sha256(content).digest())
        fingerprint = digest.hexdigest()
        cached = self.settings.folder / f"{fingerprint}.png"
        found = _opened(cached)
        if found is not None:
            return found
        client = ServiceClient(
            f"{self.settings.url}/images/edits",
            self.settings.key,
            self.settings.retry,
            pay=partial(self._ledger.pay, self.settings.price, fingerprint),
            refund=partial(self._ledger.pay, -self.settings.price, fingerprint),
        )
        answer = client.edit(fields, files)
        if abs(math.log((answer.width / answer.height) / (size[1] / size[0]))) > 0.01:
            raise ServiceError(
                f"Expected a picture of the shape {size[1]}x{size[0]} from {urlsplit(self.settings.url).hostname}, but "
                f"got {answer.width}x{answer.height}; list the sizes it works at in EDITOR3D_SERVICE_SIZES."
            )
        self.settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replacing(cached, private=True) as temporary:
            temporary.write_bytes(_png(np.array(answer)))
        return answer


def create(argument: str = "") -> ServiceEditor:
    """The editor, with its settings from the environment.

    Args:
        argument: `URL` or `URL#MODEL`; empty is the environment's, or OpenAI.

    Raises:
        ConfigError: a setting is not what it should be.
    """
    return ServiceEditor(ServiceSettings.from_environment(argument))


def _file(name: str, picture: Tensor) -> File:
    """A picture [H, W, 3] in 0..1 as part of a form."""
    return name, _png(_bytes_of(picture)), "image/png"


def _bytes_of(picture: Tensor) -> np.ndarray:
    return (picture.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).numpy()


def _mask_of(picture: Tensor, changed: Tensor) -> np.ndarray:
    """The picture with alpha, transparent where it may change: [H, W, 4] uint8."""
    alpha = torch.where(changed, 0.0, 1.0)[..., None]
    return _bytes_of(torch.cat([picture, alpha], dim=-1))


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _opened(path: Path) -> Image.Image | None:
    """A kept answer; None where there is none, or a broken one."""
    try:
        with open_picture(path, ("PNG",)) as picture:
            return picture.convert("RGB")
    except UNREADABLE:
        return None


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "editor3d" / "service"


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or "@" in parts.netloc:
        raise ConfigError(
            "Expected the base URL of an image-edit service such as https://api.openai.com/v1, without user name, "
            f"password or query, but got one of the host '{parts.hostname}'; correct EDITOR3D_SERVICE_URL or the "
            "editor's argument."
        )
    return url.rstrip("/")


def _checked_key(key: str) -> str:
    if not re.fullmatch(r"[\x21-\x7e]*", key):
        raise ConfigError(
            "Expected a key of printable characters without spaces in EDITOR3D_SERVICE_KEY or OPENAI_API_KEY, but it "
            "has others; set it anew."
        )
    return key


def _read(variable: str, convert: Callable[[str], Any], default: Any) -> Any:
    """A setting from the environment.

    Raises:
        ConfigError: it cannot be read.
    """
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    try:
        return convert(text)
    except ValueError as error:
        raise ConfigError(f"Expected {error} in {variable}, but it is '{text}'; correct it.") from error


def _dollars(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0.0):
        raise ValueError("a number of US dollars, at least 0,")
    return value


def _few(text: str) -> int:
    if not re.fullmatch(r"\d{1,2}", text) or int(text) > 15:
        raise ValueError("a number of pictures, 0 to 15 (0 sends none beside the one to edit),")
    return int(text)


def _sizes(text: str) -> tuple[tuple[int, int], ...]:
    if text == "any":
        return ()
    sizes = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", part.strip())
        if not match or not (int(match[1]) and int(match[2])):
            raise ValueError("WIDTHxHEIGHT, several with commas between them, or 'any'")
        sizes.append((int(match[2]), int(match[1])))
    return tuple(sizes)
